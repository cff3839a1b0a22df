//! [`Failure`]: any error, shared. Twisted's `twisted.python.failure.Failure`.
//!
//! Invariant: it holds the error that it was made from, never another Failure, and showing it
//! never fails.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::string::String;
use core::error::Error;
use core::fmt;
use core::marker::PhantomData;
use core::ops::Deref;
use core::panic::Location;

use crate::error::Chain;
use crate::error::debugging;
use crate::error::held::{self, Held, Located, Plain};
use crate::error::safe_display::SafeDisplay;
use crate::error::text::{InContext, Message};

/// Any error, behind a pointer that can be cloned: the error type of a
/// [`Deferred`](crate::Deferred) that names no other.
///
/// Anything that is an [`Error`] becomes one with `?` or `into()`. It does not implement `Error`
/// itself, because then it could not be made from every error, itself included; so making a failure
/// of a failure does not nest. [`as_error`](Failure::as_error) is the error, and a `Box<dyn Error>`
/// can be made of it.
///
/// `{}` shows the error alone, `{:#}` and `{:?}` with all its sources, `{:#?}` with the name of its type, too.
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
/// traceback; with [`set_debugging`](crate::set_debugging) on, a failure records where it was made
/// and where its Deferred was fired.
#[derive(Clone)]
pub struct Failure {
    pub(super) error: Rc<dyn Held>,
}

impl Failure {
    /// Makes a failure of an error.
    #[track_caller]
    pub fn new(error: impl Error + 'static) -> Self {
        Failure {
            error: match debugging::caller() {
                None => Rc::new(Plain(error)),
                Some(place) => Rc::new(Located(error, place)),
            },
        }
    }

    /// A failure that is a text, for an error that no code will ask for.
    ///
    /// # Examples
    ///
    /// ```
    /// use ropewalk_deferred::Failure;
    ///
    /// fn first(names: &[&str]) -> Result<String, Failure> {
    ///     Ok(names.first().ok_or_else(|| Failure::msg("the list has no name"))?.to_string())
    /// }
    /// assert_eq!(first(&[]).unwrap_err().to_string(), "the list has no name");
    /// ```
    #[track_caller]
    pub fn msg(text: impl Into<String>) -> Self {
        Failure::new(Message(text.into()))
    }

    /// A failure of an error that is in a box already, or that becomes one: `Box<dyn Error>`, a text,
    /// the `Error` of the crate anyhow; [`boxed_sync`](Failure::boxed_sync) is for a box that is `Send` and
    /// `Sync`. Rust has no conversion by `?`
    /// from these and from every [`Error`], too; so write `map_err(Failure::boxed)?`, or
    /// [`context`](crate::Context::context) with more to say.
    ///
    /// A failure that was boxed is that failure again.
    ///
    /// # Examples
    ///
    /// ```
    /// use ropewalk_deferred::Failure;
    /// use std::error::Error;
    ///
    /// fn plugin() -> Result<(), Box<dyn Error>> {
    ///     Err("no such plugin".into())
    /// }
    ///
    /// fn run() -> Result<(), Failure> {
    ///     plugin().map_err(Failure::boxed)
    /// }
    /// assert_eq!(run().unwrap_err().to_string(), "no such plugin");
    /// ```
    #[track_caller]
    pub fn boxed(error: impl Into<Box<dyn Error>>) -> Self {
        match error.into().downcast::<Boxed>() {
            Ok(failure) => failure.0,
            Err(error) => Failure { error: Rc::new(held::Dynamic(error, debugging::caller())) },
        }
    }

    /// As [`boxed`](Failure::boxed), for a box that can be sent to other threads, as those of many crates.
    ///
    /// # Examples
    ///
    /// ```
    /// use ropewalk_deferred::Failure;
    /// use std::error::Error;
    ///
    /// fn run(plugin: Result<u32, Box<dyn Error + Send + Sync>>) -> Result<u32, Failure> {
    ///     plugin.map_err(Failure::boxed_sync)
    /// }
    /// assert_eq!(run(Err("no such plugin".into())).unwrap_err().to_string(), "no such plugin");
    /// ```
    #[track_caller]
    pub fn boxed_sync(error: Box<dyn Error + Send + Sync>) -> Self {
        let error: Box<dyn Error> = error;
        Failure::boxed(error)
    }

    /// The same with a text in front: that is what it shows then, and the failure as it was is its source.
    ///
    /// # Examples
    ///
    /// ```
    /// use ropewalk_deferred::{Cancelled, Failure};
    ///
    /// let failure = Failure::new(Cancelled).context("asking the server");
    /// assert_eq!(format!("{failure:#}"), "asking the server: cancelled");
    /// ```
    #[must_use]
    #[track_caller]
    pub fn context(self, text: impl Into<String>) -> Self {
        Failure::new(InContext { text: text.into(), failure: self })
    }

    /// Whether it is a cancellation that is no news: the cancelled work was dropped [`quietly`], or its
    /// end was told otherwise, as that of a task that panicked. It is not told to the hook when no reader
    /// takes it.
    ///
    /// [`quietly`]: crate::quietly
    pub fn is_quiet(&self) -> bool {
        self.error.is_quiet()
    }

    /// Whether the error is an `E`; its sources do not count. Twisted's `check`.
    pub fn check<E: Error + 'static>(&self) -> bool {
        self.as_error().is::<E>()
    }

    /// The error, if it is an `E`.
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        self.as_error().downcast_ref()
    }

    /// The failure as one that is known to hold an `E`, and can be used like a reference to it.
    ///
    /// # Errors
    ///
    /// Gives the same failure back when its error is of another type.
    pub fn downcast<E: Error + 'static>(self) -> Result<Trapped<E>, Failure> {
        if self.check::<E>() {
            Ok(Trapped { failure: self, error: PhantomData })
        } else {
            Err(self)
        }
    }

    /// [`downcast`](Failure::downcast) under Twisted's name: with `?` in an errback, an error of
    /// another type goes on its way.
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
    ///
    /// # Differences from Twisted
    ///
    /// It asks for one type. For several, ask [`check`](Failure::check) for each.
    pub fn trap<E: Error + 'static>(self) -> Result<Trapped<E>, Failure> {
        self.downcast()
    }

    /// Where it was made, if [`set_debugging`] was on then. In
    /// place of Twisted's traceback.
    ///
    /// [`set_debugging`]: crate::set_debugging
    pub fn location(&self) -> Option<&'static Location<'static>> {
        self.error.places().made_at
    }

    /// Where a Deferred was fired with it, or with the result whose callback returned it: the call of
    /// [`callback`], [`errback`] or [`fire`] that was running, if [`set_debugging`] was on since the
    /// promise was made. Twisted's "invoker". A callback that is added when the result is there runs
    /// in no such call.
    ///
    /// # Differences from Twisted
    ///
    /// Twisted shows whole tracebacks of both calls, and the invoker also for such a callback.
    ///
    /// [`callback`]: crate::Promise::callback
    /// [`errback`]: crate::Promise::errback
    /// [`fire`]: crate::Promise::fire
    /// [`set_debugging`]: crate::set_debugging
    pub fn fired_at(&self) -> Option<&'static Location<'static>> {
        self.error.places().fired_at
    }

    /// The error itself. Twisted's `value`.
    #[doc(alias = "value")]
    pub fn as_error(&self) -> &(dyn Error + 'static) {
        self.error.error()
    }

    /// The name of the error's type.
    pub fn type_name(&self) -> &'static str {
        self.error.type_name()
    }

    /// The error, its source, the source of that, and so on.
    pub fn sources(&self) -> Sources<'_> {
        Sources { next: Some(self.as_error()) }
    }
}

impl<E: Error + 'static> From<E> for Failure {
    #[track_caller]
    fn from(error: E) -> Self {
        Failure::new(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match f.alternate() {
            true => fmt::Display::fmt(&Chain(self.as_error()), f),
            false => SafeDisplay::display(f, self.as_error()),
        }
    }
}

/// As `{:#}`, so that an error which `main` returns is a sentence; `{:#?}` has the name of its type in front.
impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            write!(f, "{}: ", self.type_name())?;
        }
        fmt::Display::fmt(&Chain(self.as_error()), f)
    }
}

/// A [`Failure`] that holds an `E`: what [`trap`](Failure::trap) and [`downcast`](Failure::downcast)
/// give. It can be used like a reference to the `E`, and become the failure again.
pub struct Trapped<E> {
    failure: Failure,
    error: PhantomData<E>,
}

impl<E> Trapped<E> {
    /// The failure, unchanged, for an errback that has looked at the error and passes it on.
    pub fn into_failure(self) -> Failure {
        self.failure
    }
}

impl<E: Error + 'static> Deref for Trapped<E> {
    type Target = E;

    fn deref(&self) -> &E {
        self.failure.downcast_ref().expect("downcast() has looked at its type")
    }
}

impl<E: Error + 'static> fmt::Debug for Trapped<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
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
