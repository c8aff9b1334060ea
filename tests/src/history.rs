//! Random histories of one record and their possible orders of arrival.

use crate::crm::{Account, Delivery};
use crate::random::{Random, permutations};

/// The maximum number of deliveries in a history.
const LONGEST: usize = 9;
/// Up to this number of deliveries, all orders are tested.
const ALL_ORDERS_UP_TO: usize = 5;
/// The number of random orders that are tested for longer histories.
const SHUFFLES: usize = 20;

/// The history of one record, reproducible from its seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct History {
    /// The seed.
    pub seed: u64,
}

impl History {
    /// The deliveries in commit order, for a record with this id. Nothing else depends on the id.
    pub fn deliveries(self, record_id: &str) -> Vec<Delivery> {
        let mut random = Random::new(self.seed);
        let mut account = Account::new(record_id);
        let length = 2 + random.below(LONGEST - 1);
        let mut deliveries = vec![account.create(&mut random)];
        while deliveries.len() < length {
            let next = match random.below(28) {
                0..8 => account.update(&mut random),
                8..11 => account.redescribe(&mut random),
                11 => account.create(&mut random),
                12 => account.delete(&mut random),
                13 => account.undelete(&mut random),
                14 => account.gap(&mut random),
                15 => account.absence(&mut random),
                16 => {
                    // Two images with the same timestamp.
                    deliveries.push(account.image(&mut random));
                    account.image(&mut random)
                }
                20 => {
                    deliveries.push(account.update(&mut random));
                    account.same_key_later(&mut random)
                }
                21 => pair(&mut deliveries, account.tie(&mut random)),
                22 => pair(&mut deliveries, account.undelete_twice(&mut random)),
                23 => account.flatten(&mut random),
                24 => pair(&mut deliveries, account.count(&mut random)),
                25..28 => {
                    let whole = match random.below(3) {
                        0 => account.create(&mut random),
                        1 => account.redescribe(&mut random),
                        _ => account.update(&mut random),
                    };
                    let Some(copy) = whole.lesser_copy(&mut random) else { continue };
                    pair(&mut deliveries, [copy, whole])
                }
                _ => account.image(&mut random),
            };
            deliveries.push(next);
        }
        // One history in four has no creation.
        if random.one_in(4) {
            deliveries.remove(0);
        }
        let other = record_id.replacen("001", "002", 1);
        let merged = |delivery: Delivery| match random.one_in(8) {
            true => delivery.merged(record_id, &other),
            false => delivery,
        };
        deliveries.into_iter().map(merged).collect()
    }

    /// The orders of arrival to test, as indices with repetitions. Every delivery occurs at least
    /// once. The first order is the commit order.
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

    /// The orders that the full test uses.
    pub fn all_arrivals(self, deliveries: usize) -> Vec<Vec<usize>> {
        self.arrivals(deliveries, SHUFFLES)
    }
}

/// Adds the first of two deliveries, and returns the second.
fn pair(deliveries: &mut Vec<Delivery>, [first, second]: [Delivery; 2]) -> Delivery {
    deliveries.push(first);
    second
}
