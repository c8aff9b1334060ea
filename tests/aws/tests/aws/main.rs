//! The pipeline on AWS: the number of requests to each service for changes in order, and its behaviour under
//! every fault of the services.

mod append;
mod consistent;
mod counted;
mod faults;
mod late;
mod merged;
mod projection;
mod rebuild;
mod sizes;
mod state_faults;
mod stored_by_an_earlier_release;
mod time_travel;
