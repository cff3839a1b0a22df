//! Records of pending calls in a 4-ary heap, the soonest first.
//!
//! A record is never taken out of the middle: when its call is cancelled or moved, it stays, stale, until it
//! comes first, or until stale records are most of a full heap.
//! Invariant: no record comes before its parent, which for the record at `n` is the one at `(n - 1) / 4`.

use super::positions::Position;

/// The children of a record; four of them fill a cache line.
const ARITY: usize = 4;

/// States that the call at this position is due then, unless its entry has another number now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// Nanoseconds since the zero of the clock.
    pub(super) due: u64,
    /// The number of calls that were asked for or moved before: no other record has it.
    pub(super) order: u32,
    pub(super) position: Position,
}

/// The heap, and in front of it a record that came as the soonest: the next call to be due is often the one
/// that was asked for last, and then costs no step through the heap.
#[derive(Debug, Default)]
pub(super) struct Heap {
    /// Sooner than all in the heap.
    front: Option<Record>,
    records: Vec<Record>,
}

impl Record {
    /// The bound of all numbers; no record has it.
    pub(super) const NUMBERS: u32 = u32::MAX;

    /// Records are ordered by their times, and for the same time by their numbers.
    #[inline]
    fn rank(self) -> u128 {
        u128::from(self.due) << 64 | u128::from(self.order)
    }
}

impl Heap {
    /// The number of records behind the front, stale ones included.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether a push may allocate.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.records.len() == self.records.capacity()
    }

    /// The soonest record.
    #[inline]
    pub(super) fn first(&self) -> Option<Record> {
        self.front.or_else(|| self.records.first().copied())
    }

    /// Adds a record.
    #[inline]
    pub(super) fn push(&mut self, record: Record) {
        let behind = match self.first() {
            Some(first) if first.rank() <= record.rank() => Some(record),
            Some(_) | None => self.front.replace(record),
        };
        if let Some(behind) = behind {
            self.records.push(behind);
            self.move_up(behind);
        }
    }

    /// Removes the record in front, if it is for the call at this position, and so stale.
    #[inline]
    pub(super) fn drop_front_of(&mut self, position: Position) {
        if self.front.is_some_and(|front| front.position == position) {
            self.front = None;
        }
    }

    /// Removes the soonest record.
    #[inline]
    pub(super) fn drop_first(&mut self) {
        if self.front.take().is_some() {
            return;
        }
        let Some(last) = self.records.pop() else { return };
        if let Some(first) = self.records.first_mut() {
            *first = last;
            self.move_down(0);
        }
    }

    /// Removes all records; the storage stays.
    #[inline]
    pub(super) fn clear(&mut self) {
        self.front = None;
        self.records.clear();
    }

    /// Removes the records that are not to be kept.
    #[cold]
    pub(super) fn retain(&mut self, keep: impl Fn(Record) -> bool) {
        self.front = self.front.filter(|record| keep(*record));
        self.records.retain(|record| keep(*record));
        self.restore();
    }

    /// Replaces all records.
    #[cold]
    pub(super) fn refill(&mut self, records: impl Iterator<Item = Record>) {
        self.clear();
        self.records.extend(records);
        self.restore();
    }

    /// Brings records in any order into that of the heap, in linear time.
    fn restore(&mut self) {
        let parents = self.records.len().saturating_sub(1).div_ceil(ARITY);
        (0..parents).rev().for_each(|at| self.move_down(at));
    }

    /// Moves the last record, which is this one, up to its place.
    fn move_up(&mut self, record: Record) {
        let mut at = self.records.len() - 1;
        while at > 0 {
            let parent = (at - 1) / ARITY;
            if self.records[parent].rank() <= record.rank() {
                break;
            }
            self.records[at] = self.records[parent];
            at = parent;
        }
        self.records[at] = record;
    }

    /// Moves a record down to its place.
    fn move_down(&mut self, mut at: usize) {
        let record = self.records[at];
        let rank = record.rank();
        while let Some((child, least)) = self.least_child(at) {
            if least.rank() >= rank {
                break;
            }
            self.records[at] = least;
            at = child;
        }
        self.records[at] = record;
    }

    #[inline]
    fn least_child(&self, at: usize) -> Option<(usize, Record)> {
        let first = ARITY * at + 1;
        let children = self.records.get(first..)?;
        if let Some(&[a, b, c, d]) = children.first_chunk::<ARITY>() {
            let left = sooner((first, a), (first + 1, b));
            let right = sooner((first + 2, c), (first + 3, d));
            return Some(sooner(left, right));
        }
        let children = children.iter().enumerate().map(|(number, child)| (first + number, *child));
        children.reduce(sooner)
    }
}

/// The sooner of two records with their places.
#[inline]
fn sooner(one: (usize, Record), other: (usize, Record)) -> (usize, Record) {
    if other.1.rank() < one.1.rank() { other } else { one }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(due: u64, order: u32) -> Record {
        Record { due, order, position: Position::after(0) }
    }

    fn drained(mut heap: Heap) -> Vec<(u64, u32)> {
        let next = || {
            let first = heap.first()?;
            heap.drop_first();
            Some((first.due, first.order))
        };
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn records_come_out_by_time_and_then_by_number_however_they_came_in() {
        for count in 0..40 {
            let records = || (0..count).map(|n| record(u64::from(n * 7 % 5), n * 11 % 41));
            let mut expected: Vec<_> = records().map(|it| (it.due, it.order)).collect();
            expected.sort_unstable();
            let mut pushed = Heap::default();
            records().for_each(|record| pushed.push(record));
            let mut refilled = Heap::default();
            refilled.refill(records());
            assert_eq!(drained(pushed), expected);
            assert_eq!(drained(refilled), expected);
        }
    }

    #[test]
    fn retained_records_are_in_order() {
        let mut heap = Heap::default();
        (0..100).for_each(|n| heap.push(record(u64::from(n * 37 % 100), n)));
        heap.retain(|record| record.due.is_multiple_of(3));
        let dues: Vec<u64> = drained(heap).into_iter().map(|(due, _)| due).collect();
        assert_eq!(dues, (0..100).step_by(3).collect::<Vec<_>>());
    }

    #[test]
    fn a_stale_record_in_front_makes_way_for_the_next() {
        let mut heap = Heap::default();
        let at =
            |index, due| Record { position: Position::after(index), ..record(due, index as u32) };
        [at(0, 9), at(1, 7), at(2, 5)].into_iter().for_each(|record| heap.push(record));
        heap.drop_front_of(Position::after(1));
        assert_eq!(heap.first(), Some(at(2, 5)), "another is in front");
        heap.drop_front_of(Position::after(2));
        assert_eq!(heap.first(), Some(at(1, 7)));
        heap.push(at(3, 8));
        assert_eq!(drained(heap), [(7, 1), (8, 3), (9, 0)]);
    }

    #[test]
    fn a_record_takes_16_bytes() {
        assert_eq!(size_of::<Record>(), 16);
    }
}
