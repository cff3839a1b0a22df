//! What gives the value of a kind its text: `Display`, `FromStr`, serde and clap, written once for all of them.
//!
//! The macros expand in other crates, too, whose features are not these: so what a feature adds is chosen where the
//! macro is defined. Invariant: every format has the endpoint string, and nothing beside it.

/// Implements `Display`, `FromStr`, the conversion to a [`ServerString`](crate::ServerString) or
/// [`ClientString`](crate::ClientString), and, with the features `serde` and `clap`, `Serialize`, `Deserialize` and
/// clap's parser of values, for a type that is an [`EndpointConfig`](crate::EndpointConfig).
///
/// The second word is `ServerString` or `ClientString`, as the kind's side is.
#[macro_export]
macro_rules! endpoint_config {
    ($config:ident, $string:ident) => {
        impl ::core::fmt::Display for $config {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                $crate::formats::print(self, f)
            }
        }

        impl ::core::str::FromStr for $config {
            type Err = $crate::ParseError;

            fn from_str(text: &str) -> ::core::result::Result<Self, $crate::ParseError> {
                $crate::formats::parse(text)
            }
        }

        impl ::core::convert::TryFrom<&$config> for $crate::$string {
            type Error = $crate::ParseError;

            fn try_from(config: &$config) -> ::core::result::Result<Self, $crate::ParseError> {
                $crate::EndpointConfig::endpoint_string(config)?.parse()
            }
        }

        $crate::serde_text!($config);
        $crate::clap_text!($config);
    };
}

/// `Serialize` and `Deserialize`, as the string, for a type that prints and reads it.
#[cfg(feature = "serde")]
#[doc(hidden)]
#[macro_export]
macro_rules! serde_text {
    ($value:ident) => {
        impl $crate::formats::serde::Serialize for $value {
            fn serialize<S: $crate::formats::serde::Serializer>(
                &self,
                serializer: S,
            ) -> ::core::result::Result<S::Ok, S::Error> {
                $crate::formats::serialize(self, serializer)
            }
        }

        impl<'de> $crate::formats::serde::Deserialize<'de> for $value {
            fn deserialize<D: $crate::formats::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> ::core::result::Result<Self, D::Error> {
                $crate::formats::deserialize(deserializer)
            }
        }
    };
}

#[cfg(not(feature = "serde"))]
#[doc(hidden)]
#[macro_export]
macro_rules! serde_text {
    ($value:ident) => {};
}

/// clap's parser of values, for a type that reads the string.
#[cfg(feature = "clap")]
#[doc(hidden)]
#[macro_export]
macro_rules! clap_text {
    ($value:ident) => {
        impl $crate::formats::ValueParserFactory for $value {
            type Parser = $crate::EndpointValueParser<Self>;

            fn value_parser() -> Self::Parser {
                ::core::default::Default::default()
            }
        }
    };
}

#[cfg(not(feature = "clap"))]
#[doc(hidden)]
#[macro_export]
macro_rules! clap_text {
    ($value:ident) => {};
}

pub(crate) use crate::{clap_text, endpoint_config, serde_text};
