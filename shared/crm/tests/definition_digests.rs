//! The digests of the definitions that ship are written into indices, tables and rebuild plans: they are literals
//! here, so that no compiler, library or refactoring changes one unnoticed.

use annals_domain::definition::{Catalog, current_digest};

fn shipped() -> Catalog {
    let adapters = annals_crm::adapters(None).expect("no org is set");
    Catalog::built_in(&adapters).expect("the definitions that ship are valid")
}

#[track_caller]
fn check(aggregate_type: &str, digest: &str, former: &str) {
    let catalog = shipped();
    let definition = catalog.named(aggregate_type).expect("it ships");
    assert_eq!(definition.digest, digest);
    assert_eq!(current_digest(former), digest, "an index with the former digest needs no rebuild");
    assert_eq!(current_digest(digest), digest);
}

#[test]
fn each_shipped_definition_has_its_digest() {
    check("client", "8dd0ecf13a534c64", "257cd3739bf9c637");
    check("contract", "c52c50afa782580e", "ea079a6755b6e0f6");
    check("deal", "7ba4f9f241be55c9", "371cbcabe5f264a0");
    check("platform", "dbb263127f518ebd", "6f6393cfc2a7c7eb");
    check("service", "cc593a78361c91d1", "9d4f821acef162ca");
    check("subservice", "6f09e1910c1796a9", "88ed3be917f6a176");
}

#[test]
fn a_digest_nobody_knows_stays_as_it_is() {
    assert_eq!(current_digest("0123456789abcdef"), "0123456789abcdef");
}
