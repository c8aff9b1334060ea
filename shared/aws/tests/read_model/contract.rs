//! The port's contract suite.

use annals_aws::read_model::OpenSearchReadModel;

use crate::nodes::Node;

async fn on(label: &str) -> Option<(OpenSearchReadModel, Node)> {
    let node = Node::of(label)?;
    Some((node.model().await, node))
}

mod on_2_19 {
    use super::*;

    async fn make() -> (OpenSearchReadModel, Node) {
        on("2.19").await.expect("the older line runs everywhere")
    }

    annals_application::read_model_contract!(make);
    annals_application::live_entities_contract!(make);
}

mod on_3 {
    use super::*;

    async fn make() -> Option<(OpenSearchReadModel, Node)> {
        on("3.x").await
    }

    annals_application::read_model_contract!(make);
    annals_application::live_entities_contract!(make);
}
