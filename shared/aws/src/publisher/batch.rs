//! Groups items into calls, and calls into waves that may run at the same time. Items keep their order.

use std::collections::HashSet;
use std::hash::Hash;

/// How many entries PutEvents and PublishBatch accept in a call.
pub(crate) const MAX_ENTRIES: usize = 10;

/// Packs the items into calls, in order. No call is over a limit, unless a single item is over it by itself.
pub(crate) fn pack<T>(items: Vec<T>, max_bytes: usize, size: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
    let mut calls: Vec<Vec<T>> = Vec::new();
    let mut bytes = 0;
    for item in items {
        let size = size(&item);
        match calls.last_mut() {
            Some(call) if call.len() < MAX_ENTRIES && bytes + size <= max_bytes => {
                call.push(item);
                bytes += size;
            }
            _ => {
                calls.push(vec![item]);
                bytes = size;
            }
        }
    }
    calls
}

/// Groups calls into waves. The calls of one wave have no key in common and may run at the same time; a wave starts
/// when the one before it has finished.
pub(crate) fn waves<T, K: Eq + Hash>(calls: Vec<Vec<T>>, key: impl Fn(&T) -> K) -> Vec<Vec<Vec<T>>> {
    let mut waves: Vec<Vec<Vec<T>>> = Vec::new();
    let mut under_way = HashSet::new();
    for call in calls {
        let keys: HashSet<K> = call.iter().map(&key).collect();
        match waves.last_mut() {
            Some(wave) if under_way.is_disjoint(&keys) => {
                wave.push(call);
                under_way.extend(keys);
            }
            _ => {
                waves.push(vec![call]);
                under_way = keys;
            }
        }
    }
    waves
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MAX_BYTES: usize = 100;

    fn sizes() -> impl Strategy<Value = Vec<usize>> {
        prop::collection::vec(prop_oneof![1_usize..12, 30_usize..130, Just(MAX_BYTES)], 0..60)
    }

    proptest! {
        #[test]
        fn each_item_is_in_exactly_one_call_and_the_order_is_kept(sizes in sizes()) {
            let items: Vec<(usize, usize)> = sizes.iter().copied().enumerate().collect();
            let calls = pack(items.clone(), MAX_BYTES, |item| item.1);
            prop_assert_eq!(calls.concat(), items);
        }

        #[test]
        fn only_a_call_of_a_single_item_may_be_over_a_limit(sizes in sizes()) {
            for call in pack(sizes, MAX_BYTES, |size| *size) {
                prop_assert!((1..=MAX_ENTRIES).contains(&call.len()));
                prop_assert!(call.len() == 1 || call.iter().sum::<usize>() <= MAX_BYTES, "{call:?}");
            }
        }

        #[test]
        fn a_call_is_closed_only_if_the_next_item_would_pass_a_limit(sizes in sizes()) {
            let calls = pack(sizes, MAX_BYTES, |size| *size);
            for pair in calls.windows(2) {
                let full = pair[0].len() == MAX_ENTRIES || pair[0].iter().sum::<usize>() + pair[1][0] > MAX_BYTES;
                prop_assert!(full, "{pair:?}");
            }
        }

        #[test]
        fn the_calls_of_a_wave_share_no_key(keys in prop::collection::vec(0_u8..40, 0..60)) {
            let calls: Vec<Vec<u8>> = keys.chunks(7).map(<[u8]>::to_vec).collect();
            let waves = waves(calls.clone(), |key| *key);
            for wave in &waves {
                for (number, call) in wave.iter().enumerate() {
                    prop_assert!(wave[..number].concat().iter().all(|key| !call.contains(key)), "{wave:?}");
                }
            }
            prop_assert_eq!(waves.concat(), calls);
        }
    }

    #[test]
    fn calls_without_a_common_key_are_one_wave() {
        let calls = vec![vec![1, 2], vec![3, 4], vec![4, 5], vec![1]];
        assert_eq!(waves(calls, |key| *key), [vec![vec![1, 2], vec![3, 4]], vec![vec![4, 5], vec![1]]]);
    }
}
