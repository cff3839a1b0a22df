//! The descriptors of others that a reactor watches, by object.
//!
//! Invariant: an entry owns its object, so no other object has its address; and it is a reader, a writer or
//! both.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use interfaces::{FileDescriptor, ReadDescriptor, WriteDescriptor};

use crate::sys::{Token, Wanted};

/// The address of an object, which is its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ObjectKey(usize);

impl ObjectKey {
    pub(crate) fn of<T: ?Sized>(object: &Rc<T>) -> Self {
        Self(Rc::as_ptr(object).cast::<()>().addr())
    }
}

/// One object.
#[derive(Clone)]
pub(crate) struct WatchedEntry {
    pub(crate) token: Token,
    pub(crate) reader: Option<Rc<dyn ReadDescriptor>>,
    pub(crate) writer: Option<Rc<dyn WriteDescriptor>>,
}

impl WatchedEntry {
    /// The directions of its roles; `None` without any.
    pub(crate) fn wanted(&self) -> Option<Wanted> {
        match (self.reader.is_some(), self.writer.is_some()) {
            (true, true) => Some(Wanted::Both),
            (true, false) => Some(Wanted::Reading),
            (false, true) => Some(Wanted::Writing),
            (false, false) => None,
        }
    }

    /// The object, which reader and writer are.
    pub(crate) fn object(self) -> Option<Rc<dyn FileDescriptor>> {
        match (self.reader, self.writer) {
            (Some(reader), _) => Some(reader),
            (None, Some(writer)) => Some(writer),
            (None, None) => None,
        }
    }
}

/// All objects.
#[derive(Default)]
pub(crate) struct WatchedEntries {
    entries: RefCell<BTreeMap<ObjectKey, WatchedEntry>>,
}

impl WatchedEntries {
    pub(crate) fn find(&self, key: ObjectKey) -> Option<WatchedEntry> {
        self.entries.borrow().get(&key).cloned()
    }

    /// Sets an entry; returns the one before, which the caller drops with nothing borrowed.
    pub(crate) fn set(&self, key: ObjectKey, entry: WatchedEntry) -> Option<WatchedEntry> {
        self.entries.borrow_mut().insert(key, entry)
    }

    pub(crate) fn remove(&self, key: ObjectKey) -> Option<WatchedEntry> {
        self.entries.borrow_mut().remove(&key)
    }

    pub(crate) fn keys(&self) -> Vec<ObjectKey> {
        self.entries.borrow().keys().copied().collect()
    }

    pub(crate) fn all(&self) -> Vec<WatchedEntry> {
        self.entries.borrow().values().cloned().collect()
    }

    pub(crate) fn take_all(&self) -> Vec<WatchedEntry> {
        self.entries.take().into_values().collect()
    }
}
