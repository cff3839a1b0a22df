//! [`Failure`]: any error, shared. Twisted's `twisted.python.failure.Failure`.
//!
//! Invariant: it holds the error that it was made from, never another Failure, and showing it
//! never fails.

use alloc::boxed::Box;
use alloc::rc::Rc;
use core::any::{Any, type_name};
use core::error::Error;
use core::fmt::{self, Write as _};

/// Any error, behind a pointer that can be cloned.
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
    /// Wraps an error.
    pub fn new(error: impl Error + 'static) -> Self {
        Failure { error: Rc::new(error) }
    }

    /// Whether the error is an `E`.
    pub fn check<E: Error + 'static>(&self) -> bool {
        self.downcast_ref::<E>().is_some()
    }

    /// The error, if it is an `E`.
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        (&*self.error as &dyn Any).downcast_ref()
    }

    /// The error, if it is an `E`; otherwise the failure goes on its way.
    ///
    /// # Errors
    ///
    /// Gives the same failure back when its error is of another type.
    pub fn trap<E: Error + 'static>(self) -> Result<Rc<E>, Failure> {
        if self.check::<E>() {
            let error: Rc<dyn Any> = self.error;
            Ok(error.downcast::<E>().expect("check() has just said that it is"))
        } else {
            Err(self)
        }
    }

    /// The error itself.
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

/// The errors behind a [`Failure`].
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

/// Shows what may refuse to be shown: an error whose own formatting fails must not make the
/// report about it panic.
pub(crate) struct Lenient<'a, 'b> {
    to: &'a mut fmt::Formatter<'b>,
    /// The writer failed, not what is shown.
    broken: bool,
}

impl Lenient<'_, '_> {
    pub(crate) fn display(f: &mut fmt::Formatter<'_>, shown: &dyn fmt::Display) -> fmt::Result {
        Lenient::show(f, format_args!("{shown}"))
    }

    pub(crate) fn debug(f: &mut fmt::Formatter<'_>, shown: &dyn fmt::Debug) -> fmt::Result {
        Lenient::show(f, format_args!("{shown:?}"))
    }

    fn show(f: &mut fmt::Formatter<'_>, shown: fmt::Arguments<'_>) -> fmt::Result {
        let mut lenient = Lenient { to: f, broken: false };
        match lenient.write_fmt(shown) {
            Err(fmt::Error) if !lenient.broken => {
                lenient.to.write_str("<error that cannot be shown>")
            }
            result => result,
        }
    }
}

impl fmt::Write for Lenient<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let result = self.to.write_str(text);
        self.broken |= result.is_err();
        result
    }
}
