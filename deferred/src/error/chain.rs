//! [`Chain`]: an error with its sources, in one line.
//!
//! Invariant: an error that cannot be shown never makes the line fail.

use core::error::Error;
use core::fmt;

use crate::error::safe_display::SafeDisplay;

/// Shows an error and all its sources, outermost first, separated by `": "`.
///
/// This is the one place where the workspace prints chains of errors. A [`Failure`](crate::Failure)
/// shows the same with `{:#}`.
///
/// An error whose own `Display` fails is shown as `<error that cannot be shown>`, so that the line
/// is complete. The texts are passed on as they are: a line for a terminal or a log may have to
/// escape what a peer sent.
///
/// # Examples
///
/// ```
/// use ropewalk_deferred::{Cancelled, Chain, Deferred, gather_results};
///
/// let error = gather_results([Deferred::<u32>::fail(Cancelled)])
///     .try_into_result()
///     .unwrap()
///     .unwrap_err();
/// assert_eq!(error.to_string(), "member 0 of the list failed");
/// assert_eq!(Chain(error.as_error()).to_string(), "member 0 of the list failed: cancelled");
/// ```
#[derive(Clone, Copy)]
pub struct Chain<'a>(
    /// The outermost error.
    pub &'a (dyn Error + 'a),
);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SafeDisplay::display(f, &self.0)?;
        let mut next = self.0.source();
        while let Some(source) = next {
            f.write_str(": ")?;
            SafeDisplay::display(f, &source)?;
            next = source.source();
        }
        Ok(())
    }
}

/// As `Display`.
impl fmt::Debug for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
