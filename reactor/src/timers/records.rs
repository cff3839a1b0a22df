//! Lists of records: what a slot holds instead of the calls themselves.
//!
//! A list is a chain of blocks, all from one store, so that lists which grow, shrink and are dealt
//! out allocate nothing while the store has blocks to spare. Invariant: a list of one block is in
//! order.

use std::{iter, mem};

use super::chunks::Chunks;
use super::places::Position;

/// How many records a block holds; so many are put in order as they come.
const RECORDS: usize = 31;

/// How many blocks are sorted at once. The entries of so many records fit into a processor's cache,
/// and what is dealt out because it is longer makes lists of more than one block.
const SORTED_MAX: u32 = 64;

const PRESENT: &str = "a block stays where it is";

/// Says that the call at this position is due then, unless its entry has another number now. Records
/// are in the order of their times, and for the same time in the order of their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Record {
    /// Nanoseconds since the zero of the clock.
    pub(super) due: u64,
    /// How many calls were asked for or moved before: a number that no other record has.
    pub(super) order: u32,
    pub(super) position: Position,
}

/// A chain of blocks. Of the first one what is before `start` is not in the list, and of the last
/// one what is from `end` on.
#[derive(Clone, Copy)]
pub(super) struct List {
    first: u32,
    last: u32,
    blocks: u32,
    start: u8,
    end: u8,
    in_order: bool,
    /// Whether it was sorted once.
    sorted: bool,
}

/// The store of all blocks.
#[derive(Default)]
pub(super) struct Blocks {
    blocks: Chunks<Block, 64>,
    /// The block that was left last, first.
    vacant: Option<u32>,
    /// How many were in a list since the store was cleared; those behind them are vacant, too.
    used: usize,
    /// Where a list is sorted; kept, so that it takes no allocation.
    sorted: Vec<Record>,
}

struct Block {
    records: [Record; RECORDS],
    /// The next one of the list, or the next vacant one.
    next: Option<u32>,
}

impl Record {
    /// How many numbers there are: none has this one.
    pub(super) const NUMBERS: u32 = u32::MAX;
}

impl List {
    /// How many blocks it has.
    pub(super) fn blocks(&self) -> u32 {
        self.blocks
    }

    /// Whether the first record is the one that is due first.
    pub(super) fn is_in_order(&self) -> bool {
        self.in_order
    }

    /// Whether sorting it is worth while: it isn't too long for that, nor was put out of order again.
    pub(super) fn is_sortable(&self) -> bool {
        self.blocks <= SORTED_MAX && !self.sorted
    }

    pub(super) fn is_empty(&self) -> bool {
        self.blocks == 0
    }

    /// Where its first block ends.
    fn first_end(&self) -> u8 {
        if self.blocks == 1 { self.end } else { RECORDS as u8 }
    }
}

impl Blocks {
    /// A list of one record.
    pub(super) fn list(&mut self, record: Record) -> List {
        let number = self.take(record);
        List {
            first: number,
            last: number,
            blocks: 1,
            start: 0,
            end: 1,
            in_order: true,
            sorted: false,
        }
    }

    /// Adds a record to a list: to a single block in order, and else at the end.
    pub(super) fn add(&mut self, list: &mut List, record: Record) {
        if list.blocks == 1 && self.insert(list, record) {
            return;
        }
        let records = &mut self.block_mut(list.last).records;
        let end = usize::from(list.end);
        list.in_order = list.in_order && records[end - 1] <= record;
        match records.get_mut(end) {
            Some(room) => {
                *room = record;
                list.end += 1;
            }
            None => self.lengthen(list, record),
        }
    }

    /// The first record of a list that isn't empty.
    #[inline]
    pub(super) fn first(&self, list: &List) -> Record {
        self.block(list.first).records[usize::from(list.start)]
    }

    /// Takes the first record out of a list.
    #[inline]
    pub(super) fn pop(&mut self, list: &mut List) -> Option<Record> {
        if list.is_empty() {
            return None;
        }
        let record = self.first(list);
        self.drop_first(list);
        Some(record)
    }

    /// Takes the first record out of a list that isn't empty.
    #[inline]
    pub(super) fn drop_first(&mut self, list: &mut List) {
        list.start += 1;
        if list.start == list.first_end() {
            self.shorten(list);
        }
    }

    /// Puts a list in order, and keeps of its records only some; answers how many were not kept.
    pub(super) fn sort(&mut self, list: &mut List, keep: impl Fn(Record) -> bool) -> usize {
        let mut records = mem::take(&mut self.sorted);
        records.extend(iter::from_fn(|| self.pop(list)));
        let before = records.len();
        records.retain(|record| keep(*record));
        let dropped = before - records.len();
        records.sort_unstable();
        if let Some((first, rest)) = records.split_first() {
            *list = List { sorted: true, ..self.list(*first) };
            rest.iter().for_each(|record| self.add(list, *record));
        }
        records.clear();
        records.shrink_to(SORTED_MAX as usize * RECORDS);
        self.sorted = records;
        dropped
    }

    /// Makes all blocks vacant; no list may be used any more.
    pub(super) fn clear(&mut self) {
        self.vacant = None;
        self.used = 0;
    }

    /// Puts a record where it belongs in the only block of a list, if there is room.
    fn insert(&mut self, list: &mut List, record: Record) -> bool {
        let records = &mut self.block_mut(list.last).records;
        if usize::from(list.end) == RECORDS {
            if list.start == 0 {
                return false;
            }
            records.copy_within(usize::from(list.start).., 0);
            list.end -= list.start;
            list.start = 0;
        }
        let mut at = usize::from(list.end);
        while at > usize::from(list.start) && records[at - 1] > record {
            records[at] = records[at - 1];
            at -= 1;
        }
        records[at] = record;
        list.end += 1;
        true
    }

    fn lengthen(&mut self, list: &mut List, record: Record) {
        let number = self.take(record);
        // Written as a whole, so that it comes into the cache as a whole before it is needed.
        self.block_mut(number).records = [record; RECORDS];
        self.block_mut(list.last).next = Some(number);
        list.last = number;
        list.blocks += 1;
        list.end = 1;
    }

    /// Leaves the first block of a list.
    fn shorten(&mut self, list: &mut List) {
        let number = list.first;
        let vacant = self.vacant.replace(number);
        let next = mem::replace(&mut self.block_mut(number).next, vacant);
        list.blocks -= 1;
        list.start = 0;
        list.first = next.unwrap_or(number);
    }

    /// A block with its first record.
    #[inline]
    fn take(&mut self, record: Record) -> u32 {
        if let Some(number) = self.vacant {
            let block = self.block_mut(number);
            block.records[0] = record;
            self.vacant = block.next.take();
            return number;
        }
        let number = self.used as u32;
        self.used += 1;
        match self.blocks.get_mut(number as usize) {
            Some(block) => {
                block.records[0] = record;
                block.next = None;
            }
            None => self.blocks.push(Block { records: [record; RECORDS], next: None }),
        }
        number
    }

    fn block(&self, number: u32) -> &Block {
        self.blocks.get(number as usize).expect(PRESENT)
    }

    fn block_mut(&mut self, number: u32) -> &mut Block {
        self.blocks.get_mut(number as usize).expect(PRESENT)
    }
}
