//! The JSON of `check --json` (RFC 8259), documented in `ropewalk check --help`.
//!
//! Invariant: the keys come in the documented order, and no key depends on the values, but for two behind the
//! arguments: `wrapped` of a kind such as `haproxy`, which wraps the rest of its string, and `routes` of the
//! client `sni`, which has an endpoint for each.
//!
//! ```text
//! {"ok":true,"side":"server","other_side":null,"kind":"tcp","arguments":{"port":80,…},"layers":["tcp"]}
//! {"ok":false,"offset":4,"message":"port `80a0` is not …","suggestion":null}
//! ```

use endpoints::{Description, ParseError, RouteDescription, Value};
use serde::{Serialize, Serializer};

use crate::commands::check::Judged;

/// The line for a string that was parsed.
pub(crate) fn description(judged: &Judged) -> String {
    let Judged { description, side, other_side } = judged;
    let (endpoint, layers) = (Wrapped::of(description), layers(description));
    line(&ParsedLine { ok: true, side, other_side: *other_side, endpoint, layers })
}

/// The line for a mistake.
pub(crate) fn mistake(error: &ParseError) -> String {
    let (offset, message) = (error.offset(), error.message());
    line(&MistakeLine { ok: false, offset, message, suggestion: error.suggestion() })
}

fn layers(description: &Description) -> Vec<&str> {
    description.layers.iter().map(|layer| &**layer).collect()
}

#[derive(Serialize)]
struct ParsedLine<'a> {
    ok: bool,
    side: &'a str,
    other_side: Option<&'a str>,
    #[serde(flatten)]
    endpoint: Wrapped<'a>,
    layers: Vec<&'a str>,
}

/// An endpoint, and those behind it.
#[derive(Serialize)]
struct Wrapped<'a> {
    kind: &'a str,
    #[serde(serialize_with = "in_order")]
    arguments: &'a [(&'static str, Value)],
    #[serde(skip_serializing_if = "Option::is_none")]
    wrapped: Option<Box<Self>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    routes: Vec<Route<'a>>,
}

/// An endpoint, and the connections that it is for.
#[derive(Serialize)]
struct Route<'a> {
    #[serde(rename = "for")]
    takes: &'a [String],
    #[serde(flatten)]
    endpoint: Wrapped<'a>,
    layers: Vec<&'a str>,
}

impl<'a> Wrapped<'a> {
    fn of(description: &'a Description) -> Self {
        let Description { kind, arguments, wrapped, routes, .. } = description;
        let wrapped = wrapped.as_deref().map(|inner| Box::new(Self::of(inner)));
        let routes = routes.iter().map(Route::of).collect();
        Self { kind, arguments, wrapped, routes }
    }
}

impl<'a> Route<'a> {
    fn of(route: &'a RouteDescription) -> Self {
        let RouteDescription { takes, endpoint, .. } = route;
        Self { takes, endpoint: Wrapped::of(endpoint), layers: layers(endpoint) }
    }
}

#[derive(Serialize)]
struct MistakeLine<'a> {
    ok: bool,
    offset: usize,
    message: String,
    suggestion: Option<&'a str>,
}

/// The value of an argument as a value of JSON.
#[derive(Serialize)]
#[serde(untagged)]
enum Scalar {
    Null,
    Bool(bool),
    Whole(u64),
    Fraction(f64),
    Text(String),
}

impl From<&Value> for Scalar {
    fn from(value: &Value) -> Self {
        match value {
            Value::Absent => Self::Null,
            Value::Number(number) => Self::Whole(*number),
            Value::Flag(set) => Self::Bool(*set),
            Value::Seconds(time) if time.subsec_nanos() == 0 => Self::Whole(time.as_secs()),
            Value::Seconds(time) => Self::Fraction(time.as_secs_f64()),
            // Text, a mode in octal, and every kind that is added later.
            value => Self::Text(value.to_string()),
        }
    }
}

/// An object with the arguments as its members, in their order.
fn in_order<S: Serializer>(
    arguments: &[(&'static str, Value)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(arguments.iter().map(|(name, value)| (name, Scalar::from(value))))
}

fn line(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("text, numbers and lists of text are JSON")
}
