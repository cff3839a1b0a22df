//! Values of endpoint strings as arguments of a command line that clap reads. With the feature `clap`.
//!
//! Invariant: an error has the column and the picture of the mistake.

use alloc::format;
use core::fmt;
use core::marker::PhantomData;
use core::str::FromStr;
use std::ffi::OsStr;

pub use clap::builder::ValueParserFactory;
use clap::builder::{StringValueParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Arg, Command, Error};

use crate::ParseError;

/// clap's parser of the values of endpoint strings; `#[derive(clap::Parser)]` finds it by itself.
///
/// # Examples
///
/// ```
/// use clap::{Arg, Command, value_parser};
/// use ropewalk_endpoints::ServerString;
///
/// let listen = Arg::new("LISTEN").value_parser(value_parser!(ServerString));
/// let command = Command::new("serve").arg(listen);
/// let mistake = command.try_get_matches_from(["serve", r"tcp:80\"]).unwrap_err();
/// assert!(mistake.to_string().contains(r"
///   tcp:80\
///         ^ column 7"));
/// ```
pub struct EndpointValueParser<T>(PhantomData<fn() -> T>);

impl<T> TypedValueParser for EndpointValueParser<T>
where
    T: FromStr<Err = ParseError> + Clone + Send + Sync + 'static,
{
    type Value = T;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<T, Error> {
        let text = StringValueParser::new().parse_ref(command, argument, value)?;
        text.parse()
            .map_err(|mistake| Error::raw(ErrorKind::ValueValidation, format!("{mistake:?}\n")))
    }
}

impl<T> Default for EndpointValueParser<T> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T> Clone for EndpointValueParser<T> {
    fn clone(&self) -> Self {
        Self(PhantomData)
    }
}

impl<T> fmt::Debug for EndpointValueParser<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EndpointValueParser")
    }
}
