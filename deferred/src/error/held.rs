//! [`Held`]: the error inside a [`Failure`] with the places that are recorded of it, and [`Firing`], which
//! records the place where a Deferred was fired; Twisted's `DebugInfo`.
//!
//! Invariant: a [`Fired`] holds no other, so a failure that is fired many times does not grow.

use alloc::boxed::Box;
use alloc::rc::Rc;
use core::any::{Any, type_name};
use core::error::Error;
use core::panic::Location;

use super::Failure;

/// An error with its type's name, and the places that are recorded while debugging.
pub(super) trait Held {
    fn error(&self) -> &(dyn Error + 'static);

    fn type_name(&self) -> &'static str;

    fn places(&self) -> Places;

    /// Whether it is a cancellation that is no news when it is dropped.
    fn is_quiet(&self) -> bool {
        false
    }

    /// The same without the place where it was fired, if there is one.
    fn unfired(&self) -> Option<&Rc<dyn Held>> {
        None
    }
}

/// The places that are recorded of a failure.
#[derive(Clone, Copy, Default)]
pub(super) struct Places {
    pub(super) made_at: Option<&'static Location<'static>>,
    pub(super) fired_at: Option<&'static Location<'static>>,
}

/// An error whose type is not known any more.
pub(super) struct Dynamic(pub(super) Box<dyn Error>, pub(super) Option<&'static Location<'static>>);

impl Held for Dynamic {
    fn error(&self) -> &(dyn Error + 'static) {
        &*self.0
    }

    fn type_name(&self) -> &'static str {
        type_name::<Box<dyn Error>>()
    }

    fn places(&self) -> Places {
        Places { made_at: self.1, fired_at: None }
    }
}

/// An error without places.
pub(super) struct Plain<E>(pub(super) E);

impl<E: Error + 'static> Held for Plain<E> {
    fn error(&self) -> &(dyn Error + 'static) {
        &self.0
    }

    fn type_name(&self) -> &'static str {
        type_name::<E>()
    }

    fn places(&self) -> Places {
        Places::default()
    }
}

/// An error with the place where it became a failure.
pub(super) struct Located<E>(pub(super) E, pub(super) &'static Location<'static>);

impl<E: Error + 'static> Held for Located<E> {
    fn error(&self) -> &(dyn Error + 'static) {
        &self.0
    }

    fn type_name(&self) -> &'static str {
        type_name::<E>()
    }

    fn places(&self) -> Places {
        Places { made_at: Some(self.1), fired_at: None }
    }
}

/// The error of another failure, with the place where this one was fired. The other may be shared, and
/// each of its clones be fired elsewhere.
struct Fired {
    unfired: Rc<dyn Held>,
    fired_at: &'static Location<'static>,
}

impl Held for Fired {
    fn error(&self) -> &(dyn Error + 'static) {
        self.unfired.error()
    }

    fn type_name(&self) -> &'static str {
        self.unfired.type_name()
    }

    fn places(&self) -> Places {
        Places { fired_at: Some(self.fired_at), ..self.unfired.places() }
    }

    fn is_quiet(&self) -> bool {
        self.unfired.is_quiet()
    }

    fn unfired(&self) -> Option<&Rc<dyn Held>> {
        Some(&self.unfired)
    }
}

/// The error of another failure that is no news when it is dropped.
struct Quiet(Rc<dyn Held>);

impl Held for Quiet {
    fn error(&self) -> &(dyn Error + 'static) {
        self.0.error()
    }

    fn type_name(&self) -> &'static str {
        self.0.type_name()
    }

    fn places(&self) -> Places {
        self.0.places()
    }

    fn is_quiet(&self) -> bool {
        true
    }
}

/// Marks an error as no news, if it is a [`Failure`].
#[cold]
pub(crate) fn quieten<E: 'static>(mut error: E) -> E {
    let any: &mut dyn Any = &mut error;
    if let Some(failure) = any.downcast_mut::<Failure>() {
        failure.error = Rc::new(Quiet(Rc::clone(&failure.error)));
    }
    error
}

/// A firing call, as it is recorded in failures while debugging.
#[derive(Clone, Copy)]
pub(crate) struct Firing {
    pub(crate) place: &'static Location<'static>,
    /// The place of an earlier firing call is replaced.
    pub(crate) replaces: bool,
}

impl Firing {
    /// Records the place in an error, if it is a [`Failure`].
    #[cold]
    pub(crate) fn record_in<E: 'static>(self, error: &mut E) {
        let error: &mut dyn Any = error;
        if let Some(Failure { error }) = error.downcast_mut()
            && (self.replaces || error.places().fired_at.is_none())
        {
            let unfired = Rc::clone(error.unfired().unwrap_or(error));
            *error = Rc::new(Fired { unfired, fired_at: self.place });
        }
    }
}
