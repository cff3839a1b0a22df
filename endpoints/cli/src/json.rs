//! The JSON of `check --json` (RFC 8259), documented in `ropewalk check --help`.
//!
//! Invariant: the keys come in the documented order, and no key depends on the values.
//!
//! ```text
//! {"ok":true,"kind":"tcp","arguments":{"port":80,"interface":"0.0.0.0","backlog":50},"layers":["tcp"]}
//! {"ok":false,"offset":4,"message":"port `80a0` is not …","suggestion":null}
//! ```

use endpoints::{Description, ParseError, Value as Argument};
use serde_json::{Value, json};

/// What a string means.
pub(crate) fn description(description: &Description) -> String {
    let arguments = description.arguments.iter().map(|(name, argument)| (*name, value(argument)));
    object([
        ("ok", json!(true).to_string()),
        ("kind", json!(description.kind).to_string()),
        ("arguments", object(arguments.map(|(name, value)| (name, value.to_string())))),
        ("layers", json!(description.layers).to_string()),
    ])
}

/// What is wrong with it.
pub(crate) fn mistake(error: &ParseError) -> String {
    object([
        ("ok", json!(false).to_string()),
        ("offset", json!(error.offset()).to_string()),
        ("message", json!(error.message()).to_string()),
        ("suggestion", json!(error.suggestion()).to_string()),
    ])
}

/// An object with its keys in this order, which serde_json's own map does not keep.
fn object<'a>(members: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let members = members.into_iter().map(|(key, value)| format!("{}:{value}", json!(key)));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

fn value(argument: &Argument) -> Value {
    match argument {
        Argument::Absent => Value::Null,
        Argument::Number(number) => json!(number),
        Argument::Flag(set) => json!(set),
        Argument::Seconds(time) if time.subsec_nanos() == 0 => json!(time.as_secs()),
        Argument::Seconds(time) => json!(time.as_secs_f64()),
        // Text as it is, a mode in octal, and whatever a further kind shows.
        argument => json!(argument.to_string()),
    }
}
