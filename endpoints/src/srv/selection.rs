//! The order in which the places of a service are tried (RFC 2782, "Usage rules").
//!
//! Invariant: it is a permutation of the records, by rising priority.

use alloc::vec::Vec;

use super::ServiceRecord;

/// By priority, and within one by lot: a record is drawn with the chance of its weight among those that
/// are left. `random` draws a number from 0 to its argument.
pub(super) fn ordered(
    mut records: Vec<ServiceRecord>,
    mut random: impl FnMut(u32) -> u32,
) -> Vec<ServiceRecord> {
    // Those of weight 0 first, so that they have a small chance.
    records.sort_by_key(|record| (record.priority, record.weight > 0));
    let mut order = Vec::with_capacity(records.len());
    while let Some(priority) = records.first().map(|record| record.priority) {
        let same = records.iter().take_while(|record| record.priority == priority);
        let drawn = random(same.clone().map(weight).sum());
        let mut sum = 0;
        let is_reached = |record: &ServiceRecord| {
            sum += weight(record);
            sum >= drawn
        };
        let place = same.map(is_reached).position(|reached| reached);
        order.push(records.remove(place.unwrap_or(0)));
    }
    order
}

fn weight(record: &ServiceRecord) -> u32 {
    record.weight.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    fn record(name: &str, priority: u16, weight: u16) -> ServiceRecord {
        ServiceRecord::new(name, 80).with_rank(priority, weight)
    }

    /// The targets in order, when these numbers are drawn.
    fn order(records: &[ServiceRecord], drawn: &[u32]) -> String {
        let mut drawn = drawn.iter();
        let order = ordered(records.to_vec(), |limit| {
            let number = *drawn.next().unwrap();
            assert!(number <= limit, "{number} of {limit}");
            number
        });
        order.iter().map(|record| record.target.as_str()).collect()
    }

    #[test]
    fn a_lower_priority_comes_first_whatever_the_weights() {
        let records = [record("c", 20, 0), record("a", 5, 1), record("b", 10, 900)];
        assert_eq!(order(&records, &[1, 0, 0]), "abc");
    }

    #[test]
    fn a_record_is_taken_where_the_sum_of_weights_reaches_the_number_drawn() {
        let records = [record("a", 0, 10), record("b", 0, 30), record("c", 0, 60)];
        assert_eq!(order(&records, &[10, 0, 0]), "abc");
        assert_eq!(order(&records, &[11, 0, 0]), "bac");
        assert_eq!(order(&records, &[41, 11, 0]), "cba");
        assert_eq!(order(&records, &[100, 40, 10]), "cba");
    }

    #[test]
    fn a_weight_of_zero_is_taken_when_zero_is_drawn_and_comes_last_otherwise() {
        let records = [record("a", 0, 10), record("z", 0, 0)];
        assert_eq!(order(&records, &[0, 0]), "za");
        assert_eq!(order(&records, &[1, 0]), "az");
    }

    #[test]
    fn the_first_of_many_draws_has_the_share_of_its_weight() {
        let records = [record("a", 0, 100), record("b", 0, 300)];
        let random = super::super::random::Random::default();
        let first = |_| ordered(records.to_vec(), |limit| random.up_to(limit)).remove(0).target;
        let count = (0..4000).map(first).filter(|target| target == "b").count();
        // 3000 are expected, with a deviation of 27.
        assert!((2800..=3200).contains(&count), "{count}");
    }

    #[test]
    fn large_weights_do_not_overflow() {
        let records: Vec<_> = (0..1000).map(|_| record("a", 0, u16::MAX)).collect();
        assert_eq!(ordered(records, |limit| limit).len(), 1000);
    }
}
