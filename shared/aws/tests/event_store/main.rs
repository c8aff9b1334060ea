//! The event store on DynamoDB: the port's contract, and what DynamoDB adds to it.

mod earlier_table;
mod faults;
mod items;
mod pages;
mod samples;
mod scan;
mod sections;
mod tables;
mod units;

/// The contract suite, on DynamoDB Local.
mod contract {
    use super::tables::store;

    annals_application::event_store_contract!(store);
}
