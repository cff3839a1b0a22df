//! [`Context`]: a text in front of an error, on its way to be a [`Failure`].
//!
//! Twisted raises another exception `from` the first. Invariant: the error as it was is the source.

use alloc::boxed::Box;
use alloc::string::String;
use core::error::Error;

use super::Failure;

/// A text in front of the error of a `Result`, of any kind that can be boxed: an [`Error`], a [`Failure`],
/// `Box<dyn Error>`, a text, the `Error` of the crate anyhow.
///
/// # Examples
///
/// ```
/// use ropewalk_deferred::{Context, Failure};
///
/// fn port(text: &str) -> Result<u16, Failure> {
///     text.parse().context("reading the port")
/// }
/// assert_eq!(format!("{:#}", port("x").unwrap_err()), "reading the port: invalid digit found in string");
///
/// fn found(plugin: Result<u32, String>) -> Result<u32, Failure> {
///     plugin.with_context(|| format!("looking for plugin {}", 7))
/// }
/// let failure = found(Err("no such file".to_string())).unwrap_err();
/// assert_eq!(format!("{failure:#}"), "looking for plugin 7: no such file");
/// ```
pub trait Context<T> {
    /// Puts `text` in front.
    ///
    /// # Errors
    ///
    /// The one that is there already, as the source of one with this text.
    fn context(self, text: impl Into<String>) -> Result<T, Failure>;

    /// As [`context`](Context::context), with a text that is made only for an error.
    ///
    /// # Errors
    ///
    /// The one that is there already, as the source of one with this text.
    fn with_context<S: Into<String>>(self, text: impl FnOnce() -> S) -> Result<T, Failure>;
}

impl<T, E: Into<Box<dyn Error>>> Context<T> for Result<T, E> {
    #[track_caller]
    fn context(self, text: impl Into<String>) -> Result<T, Failure> {
        match self {
            Ok(value) => Ok(value),
            Err(error) => Err(Failure::boxed(error).context(text)),
        }
    }

    #[track_caller]
    fn with_context<S: Into<String>>(self, text: impl FnOnce() -> S) -> Result<T, Failure> {
        match self {
            Ok(value) => Ok(value),
            Err(error) => Err(Failure::boxed(error).context(text())),
        }
    }
}
