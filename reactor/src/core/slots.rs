//! The slots of a reactor: numbered places, whose tenants each have a generation.
//!
//! Invariant: a [`Token`] finds its own tenant or none, never a later tenant of the same place. A
//! free place has the token [`Token::NOBODY`], so that no place needs a mark beside its tenant.

use std::mem;

use crate::sys::Token;

pub(crate) struct Slots<T> {
    places: Vec<(Token, T)>,
    /// The indices of free places.
    free: Vec<usize>,
    generation: usize,
}

impl<T: Default> Slots<T> {
    pub(crate) fn new() -> Self {
        Self { places: Vec::new(), free: Vec::new(), generation: 0 }
    }

    /// Moves a tenant in; it may learn its own token.
    pub(crate) fn insert_with(&mut self, tenant: impl FnOnce(Token) -> T) -> Token {
        self.generation = self.generation.wrapping_add(1);
        let index = self.free.pop().unwrap_or(self.places.len());
        let token = Token::new(index, self.generation);
        let place = (token, tenant(token));
        match self.places.get_mut(index) {
            Some(free) => *free = place,
            None => self.places.push(place),
        }
        token
    }

    #[inline]
    pub(crate) fn find(&self, token: Token) -> Option<&T> {
        match self.places.get(token.index()) {
            Some((holder, tenant)) if *holder == token => Some(tenant),
            Some(_) | None => None,
        }
    }

    /// Lets a new tenant take over place and token; answers the old one, or gives the new one back
    /// when there was none.
    pub(crate) fn replace(&mut self, token: Token, tenant: T) -> Result<T, T> {
        match self.places.get_mut(token.index()) {
            Some((holder, old)) if *holder == token => Ok(mem::replace(old, tenant)),
            Some(_) | None => Err(tenant),
        }
    }

    pub(crate) fn remove(&mut self, token: Token) -> Option<T> {
        let index = token.index();
        let (holder, tenant) = self.places.get_mut(index).filter(|place| place.0 == token)?;
        *holder = Token::NOBODY;
        let tenant = mem::take(tenant);
        self.free.push(index);
        Some(tenant)
    }

    /// The number of tenants.
    pub(crate) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    pub(crate) fn tokens(&self) -> Vec<Token> {
        self.taken().map(|(token, _)| *token).collect()
    }

    pub(crate) fn tenants(&self) -> impl Iterator<Item = &T> {
        self.taken().map(|(_, tenant)| tenant)
    }

    fn taken(&self) -> impl Iterator<Item = &(Token, T)> {
        self.places.iter().filter(|(token, _)| *token != Token::NOBODY)
    }

    pub(crate) fn take_all(&mut self) -> Vec<T> {
        self.free.clear();
        let places = mem::take(&mut self.places).into_iter();
        places.filter(|(token, _)| *token != Token::NOBODY).map(|(_, tenant)| tenant).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_token_does_not_reach_the_next_tenant_of_its_place() {
        let mut slots = Slots::new();
        let first = slots.insert_with(|_| "first");
        assert_eq!(slots.remove(first), Some("first"));
        let second = slots.insert_with(|_| "second");
        assert_eq!(first.index(), second.index());
        assert_eq!(slots.find(first), None);
        assert_eq!(slots.remove(first), None);
        assert_eq!(slots.replace(first, "late"), Err("late"));
        assert_eq!(slots.find(second), Some(&"second"));
        assert_eq!(slots.find(Token::NOBODY), None);
    }

    #[test]
    fn free_places_are_no_tenants() {
        let mut slots = Slots::new();
        let tokens: Vec<_> = (0..4).map(|number| slots.insert_with(|_| Some(number))).collect();
        slots.remove(tokens[1]);
        slots.remove(tokens[3]);
        assert_eq!(slots.tokens(), [tokens[0], tokens[2]]);
        assert_eq!(slots.tenants().collect::<Vec<_>>(), [&Some(0), &Some(2)]);
        assert_eq!(slots.insert_with(|_| Some(9)).index(), 3);
        assert_eq!(slots.take_all(), [Some(0), Some(2), Some(9)]);
        assert_eq!(slots.insert_with(|_| Some(1)).index(), 0);
    }
}
