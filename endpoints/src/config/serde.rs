//! Values of endpoint strings in the formats of serde: as their string. With the feature `serde`.
//!
//! Invariant: an error has the column and the picture of the mistake.

use alloc::format;
use core::fmt::{self, Display};
use core::marker::PhantomData;
use core::str::FromStr;

use serde::de::{Deserializer, Visitor};
use serde::ser::{Error as _, Serializer};

use super::checked;
use crate::ParseError;

/// Writes the string of a value that a string means.
pub fn serialize<T, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error>
where
    T: Display + FromStr<Err = ParseError> + PartialEq,
{
    let value = checked(value).map_err(|mistake| S::Error::custom(told(&mistake)))?;
    serializer.collect_str(value)
}

/// Reads a string into a value.
pub fn deserialize<'de, T, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error>
where
    T: FromStr<Err = ParseError>,
{
    deserializer.deserialize_str(TextVisitor(PhantomData))
}

struct TextVisitor<T>(PhantomData<T>);

impl<T: FromStr<Err = ParseError>> Visitor<'_> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an endpoint string, as \"tcp:8080\"")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(|mistake| E::custom(told(&mistake)))
    }
}

/// The report, on lines of its own.
fn told(mistake: &ParseError) -> impl Display {
    format!("{mistake:?}\n")
}
