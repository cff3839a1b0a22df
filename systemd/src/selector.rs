//! What names inherited descriptors: a place or a name.
//!
//! Invariant: a selector is only compared; it holds no descriptor.

use crate::TakeError;
use crate::listen_fds::Inherited;

/// Selects inherited descriptors.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Selector {
    /// The one at this place, from 0.
    Index(usize),
    /// All with this name in `LISTEN_FDNAMES`; the unit's `FileDescriptorName=`.
    Name(String),
}

impl Selector {
    /// The places of what it selects: at least one.
    pub(crate) fn places(&self, inherited: &[Inherited]) -> Result<Vec<usize>, TakeError> {
        match self {
            Self::Index(index) if *index < inherited.len() => Ok(vec![*index]),
            Self::Index(index) => Err(TakeError::NoSuchIndex {
                index: *index,
                last: inherited.len().saturating_sub(1),
            }),
            Self::Name(name) => {
                let named = inherited.iter().enumerate().filter(|(_, it)| it.name == *name);
                let places: Vec<usize> = named.map(|(place, _)| place).collect();
                if places.is_empty() {
                    let names = inherited.iter().map(|it| it.name.clone()).collect();
                    return Err(TakeError::NoSuchName { name: name.clone(), names });
                }
                Ok(places)
            }
        }
    }
}
