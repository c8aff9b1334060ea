//! The pipeline on AWS, counted at the wire (how many requests a change costs, and of which service,
//! events in order, as they mostly are) and under every fault of its services.

mod append;
mod consistent;
mod counted;
mod faults;
mod merged;
mod projection;
mod rebuild;
mod sizes;
mod state_faults;
mod stored_by_an_earlier_release;
