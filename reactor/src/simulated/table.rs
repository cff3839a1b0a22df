//! A table by [`ConnectionId`], without a search.
//!
//! The entry with the number n is at the place n modulo the number of places. A number whose place is
//! taken is never given out, so numbers stay unique and rise, and a lookup depends on the calls alone.
//! Invariant: each entry is at the place of its number, and half of the places are free.

use super::ids::ConnectionId;

#[derive(Debug)]
pub(super) struct Table<T> {
    /// Their number is a power of two.
    places: Vec<Option<(u64, T)>>,
    count: usize,
    last_number: u64,
}

/// The number of places of an empty table.
const PLACES_MIN: usize = 8;

impl<T> Table<T> {
    pub(super) fn new() -> Self {
        let places = std::iter::repeat_with(|| None).take(PLACES_MIN).collect();
        Self { places, count: 0, last_number: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// A number that was never given out, and whose place is free.
    pub(super) fn new_number(&mut self) -> u64 {
        loop {
            self.last_number += 1;
            if self.places[self.place(self.last_number)].is_none() {
                return self.last_number;
            }
        }
    }

    /// Adds an entry under a new number.
    pub(super) fn insert(&mut self, entry: T) -> ConnectionId {
        if self.count * 2 >= self.places.len() {
            self.grow();
        }
        let number = self.new_number();
        let place = self.place(number);
        self.places[place] = Some((number, entry));
        self.count += 1;
        ConnectionId(number)
    }

    #[inline]
    pub(super) fn get(&self, ConnectionId(number): ConnectionId) -> Option<&T> {
        match &self.places[self.place(number)] {
            Some((holder, entry)) if *holder == number => Some(entry),
            Some(_) | None => None,
        }
    }

    #[inline]
    pub(super) fn get_mut(&mut self, ConnectionId(number): ConnectionId) -> Option<&mut T> {
        let place = self.place(number);
        match &mut self.places[place] {
            Some((holder, entry)) if *holder == number => Some(entry),
            Some(_) | None => None,
        }
    }

    pub(super) fn each_mut(&mut self, mut act: impl FnMut(&mut T)) {
        self.places.iter_mut().flatten().for_each(|(_, entry)| act(entry));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (ConnectionId, &T)> {
        self.places.iter().flatten().map(|(number, entry)| (ConnectionId(*number), entry))
    }

    pub(super) fn remove(&mut self, id: ConnectionId) -> Option<T> {
        self.get(id)?;
        let place = self.place(id.0);
        self.count -= 1;
        self.places[place].take().map(|(_, entry)| entry)
    }

    #[inline]
    fn place(&self, number: u64) -> usize {
        number as usize & (self.places.len() - 1)
    }

    /// Numbers that differ modulo the number of places differ modulo its double, too.
    fn grow(&mut self) {
        let doubled = std::iter::repeat_with(|| None).take(self.places.len() * 2).collect();
        let before = std::mem::replace(&mut self.places, doubled);
        for (number, entry) in before.into_iter().flatten() {
            let place = self.place(number);
            self.places[place] = Some((number, entry));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thing_that_stays_is_found_among_many_that_come_and_go() {
        let mut table = Table::new();
        let stays = table.insert(0);
        let mut last = stays;
        for thing in 1..10_000 {
            let number = table.insert(thing);
            assert!(number > last);
            assert_eq!(table.remove(number), Some(thing));
            assert_eq!(table.get(number), None);
            assert_eq!(table.remove(number), None);
            assert_eq!(table.get_mut(stays), Some(&mut 0));
            last = number;
        }
        assert_eq!((table.len(), table.places.len()), (1, PLACES_MIN));
    }

    #[test]
    fn every_one_of_many_is_found_by_its_number() {
        let mut table = Table::new();
        let ids: Vec<ConnectionId> = (0..1000).map(|thing| table.insert(thing)).collect();
        for (thing, &id) in ids.iter().enumerate() {
            assert_eq!(table.get(id), Some(&thing));
        }
        assert_eq!(table.get(ConnectionId(0)), None);
        assert_eq!(table.len(), 1000);
    }
}
