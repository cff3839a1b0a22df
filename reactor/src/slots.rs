//! Numbered places for what the system reports about, each tenant with a generation.
//!
//! Invariant: a [`Token`] finds its own tenant or nobody, never a later tenant of the same place.

use slab::Slab;

use crate::sys::Token;

pub(crate) struct Slots<T> {
    places: Slab<(Token, T)>,
    generation: usize,
}

impl<T> Slots<T> {
    pub(crate) fn new() -> Self {
        Self { places: Slab::new(), generation: 0 }
    }

    /// Moves a tenant in; it may learn its own token.
    pub(crate) fn insert_with(&mut self, tenant: impl FnOnce(Token) -> T) -> Token {
        self.generation = self.generation.wrapping_add(1);
        let place = self.places.vacant_entry();
        let token = Token::new(place.key(), self.generation);
        place.insert((token, tenant(token)));
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
            Some((holder, old)) if *holder == token => Ok(std::mem::replace(old, tenant)),
            Some(_) | None => Err(tenant),
        }
    }

    pub(crate) fn remove(&mut self, token: Token) -> Option<T> {
        self.find(token)?;
        Some(self.places.remove(token.index()).1)
    }

    pub(crate) fn tokens(&self) -> Vec<Token> {
        self.places.iter().map(|(_, (token, _))| *token).collect()
    }

    pub(crate) fn tenants(&self) -> impl Iterator<Item = &T> {
        self.places.iter().map(|(_, (_, tenant))| tenant)
    }

    pub(crate) fn take_all(&mut self) -> Vec<T> {
        self.places.drain().map(|(_, tenant)| tenant).collect()
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
    }
}
