//! Random histories of one record, and the orders in which they may arrive.

use crate::crm::{Account, Delivery};
use crate::random::{Random, permutations};

/// How many deliveries a history has at most.
const LONGEST: usize = 9;
/// Up to this many deliveries, all orders are tried.
const ALL_ORDERS_UP_TO: usize = 5;
/// How many orders are tried beyond.
const SHUFFLES: usize = 20;

/// One record's history, found again by its seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct History {
    /// The seed.
    pub seed: u64,
}

impl History {
    /// The deliveries in the order of their commits, for a record of that id. The id changes
    /// nothing else.
    pub fn deliveries(self, record_id: &str) -> Vec<Delivery> {
        let mut random = Random::new(self.seed);
        let mut account = Account::new(record_id);
        let length = 2 + random.below(LONGEST - 1);
        let mut deliveries = vec![account.create(&mut random)];
        while deliveries.len() < length {
            let next = match random.below(20) {
                0..8 => account.update(&mut random),
                8..11 => account.redescribe(&mut random),
                11 => account.create(&mut random),
                12 => account.delete(&mut random),
                13 => account.undelete(&mut random),
                14 => account.gap(&mut random),
                15 => account.absence(&mut random),
                16 => {
                    // Two images of one stamp.
                    deliveries.push(account.image(&mut random));
                    account.image(&mut random)
                }
                _ => account.image(&mut random),
            };
            deliveries.push(next);
        }
        // One history in four has lost its creation.
        if random.one_in(4) {
            deliveries.remove(0);
        }
        deliveries
    }

    /// The orders of arrival to try, as indices with repetitions: every delivery comes at least
    /// once. The first is the order of the commits.
    pub fn arrivals(self, deliveries: usize, shuffles: usize) -> Vec<Vec<usize>> {
        let mut random = Random::new(self.seed ^ 0x5eed);
        let mut orders = if deliveries <= ALL_ORDERS_UP_TO {
            permutations(deliveries)
        } else {
            let mut orders = vec![(0..deliveries).collect::<Vec<_>>()];
            for _ in 0..shuffles {
                let mut order: Vec<usize> = (0..deliveries).collect();
                random.shuffle(&mut order);
                orders.push(order);
            }
            orders
        };
        for order in orders.iter_mut().skip(1) {
            for _ in 0..random.below(4) {
                let again = *random.pick(order);
                let at = random.below(order.len() + 1);
                order.insert(at, again);
            }
        }
        orders
    }

    /// As many orders as the promise is checked with.
    pub fn all_arrivals(self, deliveries: usize) -> Vec<Vec<usize>> {
        self.arrivals(deliveries, SHUFFLES)
    }
}
