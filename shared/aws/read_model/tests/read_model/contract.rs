//! The port's contract suite.

use annals_aws_read_model::OpenSearchReadModel;

use crate::nodes::Node;

async fn on(label: &str) -> (OpenSearchReadModel, Node) {
    let node = Node::of(label);
    (node.model().await, node)
}

mod on_2_19 {
    use super::*;

    async fn make() -> (OpenSearchReadModel, Node) {
        on("2.19").await
    }

    annals_application::read_model_contract!(make);
}

mod on_3 {
    use super::*;

    async fn make() -> (OpenSearchReadModel, Node) {
        on("3.x").await
    }

    annals_application::read_model_contract!(make);
}
