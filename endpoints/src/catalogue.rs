//! What the kinds of a registry take: arguments, defaults, forms and examples.
//!
//! Nothing of it is written down a second time. The parser of each kind reads its own example; which arguments it
//! binds is recorded then, its defaults are those of the description, and the form of an argument is what the
//! parser expects in the place of a value that none takes.
//!
//! Invariant: an argument is listed exactly if the parser of its kind binds it.

use alloc::string::String;
use alloc::vec::Vec;

use crate::description::Parameter;
use crate::{ClientParser, Description, ParseError, Problem, Registry, ServerParser, Side, Value};

/// A value that no argument with a form takes: a control character.
const NO_VALUE: Value = Value::Text(alloc::borrow::Cow::Borrowed("\u{1}"));

/// What a kind takes; of [`Registry::describe_kinds`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KindDescription {
    /// The kind, as registered.
    pub kind: &'static str,
    /// The side.
    pub side: Side,
    /// Strings of it, the shortest first. None of a kind whose parser has none.
    pub examples: &'static [&'static str],
    /// The arguments, in the order in which the parser binds them; unknown without an example.
    pub parameters: Vec<ParameterDescription>,
    /// Whether the rest of its string is another endpoint, or several.
    pub wraps: bool,
}

/// An argument of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParameterDescription {
    /// Its name.
    pub name: &'static str,
    /// Its place among the values by position, from 1; `None` if it is given by name only.
    pub position: Option<usize>,
    /// Whether there is no endpoint without it.
    pub is_needed: bool,
    /// Its value where it is not given.
    pub default: Value,
    /// The values that it takes, in words: \"a number from 0 to 65535\"; `None` of text.
    pub form: Option<String>,
}

impl Registry {
    /// What each kind takes: the servers, then the clients, in the order of their registration.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ropewalk_endpoints::Registry;
    /// # let reactor = reactor::Reactor::simulated(1);
    /// let kinds = Registry::standard(reactor).describe_kinds();
    /// let tcp = kinds.iter().find(|kind| kind.kind == "tcp").expect("it is standard");
    /// let port = &tcp.parameters[0];
    /// assert_eq!((port.name, port.position, port.is_needed), ("port", Some(1), true));
    /// assert_eq!(port.form.as_deref(), Some("a number from 0 to 65535"));
    /// assert_eq!(tcp.parameters[2].default.to_string(), "max");
    /// ```
    pub fn describe_kinds(&self) -> Vec<KindDescription> {
        let listing = self.listing_parameters();
        let servers = self.server_parsers().map(|parser| {
            let parse = |text: &str| Ok(listing.parse_server(text)?.description);
            describe((ServerParser::kind(parser), Side::Server), parser.examples(), &parse)
        });
        let clients = self.client_parsers().map(|parser| {
            let parse = |text: &str| Ok(listing.parse_client(text)?.description);
            describe((ClientParser::kind(parser), Side::Client), parser.examples(), &parse)
        });
        servers.chain(clients).collect()
    }
}

/// Parses a string of the kind's side.
type Parse<'a> = dyn Fn(&str) -> Result<Description, ParseError> + 'a;

fn describe(
    (kind, side): (&'static str, Side),
    examples: &'static [&'static str],
    parse: &Parse<'_>,
) -> KindDescription {
    let parsed: Vec<_> = examples.iter().filter_map(|example| parse(example).ok()).collect();
    let mut position = 0;
    let describe = |parameter: &Parameter| {
        position += usize::from(parameter.by_position);
        let position = parameter.by_position.then_some(position);
        describe_parameter((parameter.name, position), &parsed, parse)
    };
    let parameters = parsed.first().map(|first| first.parameters.iter().map(describe).collect());
    let wraps = parsed.first().is_some_and(|it| it.wrapped.is_some() || !it.routes.is_empty());
    KindDescription { kind, side, examples, parameters: parameters.unwrap_or_default(), wraps }
}

fn describe_parameter(
    (name, position): (&'static str, Option<usize>),
    examples: &[Description],
    parse: &Parse<'_>,
) -> ParameterDescription {
    let without: Vec<_> =
        examples.iter().map(|example| parse(&with(example, name, Value::Absent))).collect();
    let is_needed = is_needed(name, examples, &without);
    let default = without.into_iter().next().and_then(Result::ok).filter(|_| !is_needed);
    let default = default.and_then(|left| value(&left, name).cloned()).unwrap_or(Value::Absent);
    let form = form(name, examples, parse);
    ParameterDescription { name, position, is_needed, default, form }
}

/// The string of the example with this value for the argument.
fn with(example: &Description, name: &'static str, value: Value) -> String {
    let mut changed = example.clone();
    changed.arguments.retain(|(known, _)| *known != name);
    changed.arguments.push((name, value));
    alloc::format!("{changed}")
}

fn value<'a>(description: &'a Description, name: &str) -> Option<&'a Value> {
    description.arguments.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// Whether every example has it, and none is an endpoint without it.
fn is_needed(
    name: &str,
    examples: &[Description],
    without: &[Result<Description, ParseError>],
) -> bool {
    let is_missed = |(example, left): (&Description, &Result<Description, ParseError>)| {
        // The argument before each route is no argument of the description.
        let is_of_routes = !example.routes.is_empty();
        let is_given = value(example, name).is_some_and(|value| *value != Value::Absent);
        let missing = |error: &ParseError| matches!(error.problem(), Problem::Missing { argument, .. } if *argument == name);
        is_of_routes || is_given && left.as_ref().is_err_and(missing)
    };
    core::iter::zip(examples, without).all(is_missed)
}

/// What the parser expects, from its refusal in one of the examples, or in what is left of the first one without
/// arguments that exclude this one.
fn form(name: &'static str, examples: &[Description], parse: &Parse<'_>) -> Option<String> {
    let bare = examples.first().map(|first| Description { arguments: Vec::new(), ..first.clone() });
    let mut refusal = None;
    for base in examples.iter().chain(&bare) {
        let Err(error) = parse(&with(base, name, NO_VALUE)) else { return None };
        match error.problem() {
            Problem::Invalid { argument, expected, .. } if *argument == name => {
                return Some(expected.clone().into_owned());
            }
            Problem::UnknownKind { .. } => {
                return Some("an endpoint, its colons behind backslashes".into());
            }
            Problem::Refused { message } => refusal = refusal.or_else(|| Some(message.clone())),
            _ => {}
        }
    }
    refusal
}
