//! [`Failure`]: any error, shared. Twisted's `twisted.python.failure.Failure`.
//!
//! Invariant: it holds the error that it was made from, never another Failure, and showing it
//! never fails.

use alloc::boxed::Box;
use alloc::rc::Rc;
use core::any::{Any, type_name};
use core::error::Error;
use core::fmt;

use crate::lenient::Lenient;

/// Any error, behind a pointer that can be cloned: the error type of a
/// [`Deferred`](crate::Deferred) that names no other.
///
/// Anything that is an [`Error`] becomes one with `?` or `into()`. It does not implement `Error`
/// itself, because then it could not be made from every error, itself included; so making a failure
/// of a failure does not nest. [`as_error`](Failure::as_error) is the error, and a `Box<dyn Error>`
/// can be made of it.
///
/// `{}` shows the error alone, `{:#}` with all its sources, `{:?}` with the name of its type.
///
/// # Examples
///
/// ```
/// use ropewalk_deferred::Failure;
/// use std::num::ParseIntError;
///
/// fn parse(text: &str) -> Result<u32, Failure> {
///     Ok(text.parse()?)
/// }
///
/// let failure = parse("x").unwrap_err();
/// assert!(failure.check::<ParseIntError>());
/// assert_eq!(failure.to_string(), "invalid digit found in string");
/// ```
///
/// # Differences from Twisted
///
/// There are no subclasses, so `check` and `trap` ask for one type. Where Twisted has a tree of
/// exceptions there is an enum, and its kinds are told apart by matching on it. There is no
/// traceback.
#[derive(Clone)]
pub struct Failure {
    error: Rc<dyn Held>,
}

/// An error that knows its type and its type's name.
trait Held: Any + Error {
    fn type_name(&self) -> &'static str;
}

impl<E: Error + 'static> Held for E {
    fn type_name(&self) -> &'static str {
        type_name::<E>()
    }
}

impl Failure {
    /// Makes a failure of an error.
    pub fn new(error: impl Error + 'static) -> Self {
        Failure { error: Rc::new(error) }
    }

    /// Whether the error is an `E`; its sources do not count. Twisted's `check`.
    pub fn check<E: Error + 'static>(&self) -> bool {
        self.downcast_ref::<E>().is_some()
    }

    /// The error, if it is an `E`.
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        (&*self.error as &dyn Any).downcast_ref()
    }

    /// The error, if it is an `E`. With `?` in an errback any other error goes on its way. Twisted's
    /// `trap`.
    ///
    /// # Errors
    ///
    /// Gives the same failure back when its error is of another type.
    ///
    /// # Examples
    ///
    /// ```
    /// use ropewalk_deferred::{Cancelled, Deferred};
    ///
    /// let deferred = Deferred::<u32>::fail(Cancelled).add_errback(|failure| {
    ///     let _cancelled = failure.trap::<Cancelled>()?;
    ///     Ok(0)
    /// });
    /// assert_eq!(deferred.try_into_result().unwrap().unwrap(), 0);
    /// ```
    pub fn trap<E: Error + 'static>(self) -> Result<Rc<E>, Failure> {
        if self.check::<E>() {
            let error: Rc<dyn Any> = self.error;
            Ok(error.downcast::<E>().expect("check() has just said that it is"))
        } else {
            Err(self)
        }
    }

    /// The error itself. Twisted's `value`.
    pub fn as_error(&self) -> &(dyn Error + 'static) {
        &*self.error
    }

    /// The name of the error's type.
    pub fn type_name(&self) -> &'static str {
        (*self.error).type_name()
    }

    /// The error, its source, the source of that, and so on.
    pub fn sources(&self) -> Sources<'_> {
        Sources { next: Some(self.as_error()) }
    }
}

impl<E: Error + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Failure::new(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Lenient::display(f, self.as_error())?;
        if f.alternate() {
            for source in self.sources().skip(1) {
                f.write_str(": ")?;
                Lenient::display(f, source)?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Failure({}: ", self.type_name())?;
        Lenient::display(f, self.as_error())?;
        f.write_str(")")
    }
}

/// The error of a [`Failure`] and its sources, outermost first.
#[derive(Clone, Debug)]
pub struct Sources<'a> {
    next: Option<&'a (dyn Error + 'static)>,
}

impl<'a> Iterator for Sources<'a> {
    type Item = &'a (dyn Error + 'static);

    fn next(&mut self) -> Option<Self::Item> {
        let error = self.next?;
        self.next = error.source();
        Some(error)
    }
}

/// For `main` and other places that take any error. The box shows as the error does and has its
/// source, but can't be downcast to it: the error may be shared with other clones of the failure.
impl From<Failure> for Box<dyn Error> {
    fn from(failure: Failure) -> Self {
        Box::new(Boxed(failure))
    }
}

/// A failure as an error: it shows as the error that it holds.
struct Boxed(Failure);

impl Error for Boxed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.as_error().source()
    }
}

impl fmt::Display for Boxed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Boxed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
