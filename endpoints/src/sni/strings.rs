//! The kind `sni` of endpoint strings.
//!
//! | | by name | |
//! |---|---|---|
//! | server | `timeout` (5), before the wrapped kind | the time that a ClientHello has |
//! | client | `for`, before each route's endpoint | its connections; more than one in a row are alternatives |
//!
//! Options before the first `for` are those of every route's endpoint.
//!
//! Invariant: every route takes a connection that no route before it takes.

use alloc::format;
use alloc::rc::Rc;
use alloc::string::ToString as _;
use alloc::vec::Vec;

use interfaces::{Address, ReactorTime, StreamClientEndpoint, StreamServerEndpoint};

use super::{BadPattern, RoutePattern};
use super::{SniClientEndpoint, SniRefusal, SniRoute, SniServerConfig, SniServerEndpoint};
use crate::description::Parameter;
use crate::grammar::Field;
use crate::preread::RefusalObserver;
use crate::{
    Argument, Arguments, ClientParser, ParseError, Parsed, Problem, Registry, RouteDescription,
    ServerParser,
};

/// The kind, and the name of the layer.
const KIND: &str = "sni";
/// The argument before each route's endpoint.
pub(crate) const FOR: &str = "for";

/// Adds the kind `sni`, server and client, to a registry.
///
/// ```
/// # use ropewalk_endpoints::{Registry, sni};
/// # fn example(registry: Registry, reactor: impl interfaces::ReactorTime + 'static) {
/// let registry = sni::register(registry, reactor);
/// let server = registry.server("sni:haproxy:tcp:443");
/// let client = registry.client("sni:for=www.example.com:tcp:10.0.0.1:443:for=*:unix:/run/other");
/// # }
/// ```
pub fn register(registry: Registry, clock: impl ReactorTime + 'static) -> Registry {
    register_with_observer(registry, clock, |_, _| {})
}

/// As [`register`], with an observer that is called with the peer of each connection that a server refuses, as
/// [`SniServerEndpoint::with_observer`] has it.
pub fn register_with_observer(
    registry: Registry,
    clock: impl ReactorTime + 'static,
    observer: impl Fn(&Address, SniRefusal) + 'static,
) -> Registry {
    let server = SniServerParser { clock: Rc::new(clock), observer: Rc::new(observer) };
    registry.with_server(server).with_client(SniClientParser)
}

struct SniServerParser {
    clock: Rc<dyn ReactorTime>,
    observer: RefusalObserver<SniRefusal>,
}

struct SniClientParser;

impl ServerParser for SniServerParser {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn examples(&self) -> &'static [&'static str] {
        &["sni:tcp:443", "sni:timeout=2:tcp:443"]
    }

    fn parse(
        &self,
        arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamServerEndpoint>, ParseError> {
        let (config, wrapped) = SniServerConfig::read_around(&arguments)?;
        let inner = wrapped.server().map_err(routes_are_of_clients)?;
        let (clock, observer) = (self.clock.clone(), self.observer.clone());
        let endpoint = SniServerEndpoint::shared(inner.endpoint, clock, observer);
        let endpoint = Rc::new(endpoint.with_timeout(config.timeout));
        Ok(arguments.parsed_around(endpoint, KIND, inner.description))
    }
}

impl ClientParser for SniClientParser {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn examples(&self) -> &'static [&'static str] {
        &[
            "sni:for=*:tcp:10.0.0.2:443",
            "sni:for=www.example.com:tcp:10.0.0.1:443:for=*:tcp:10.0.0.2:443",
        ]
    }

    fn parse(
        &self,
        arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamClientEndpoint>, ParseError> {
        let registry = arguments.registry();
        let read = |fields| registry.client_of(arguments.text(), fields);
        let routes = routes(&arguments, read)?;
        let describe = |route: &SniRoute<Parsed<dyn StreamClientEndpoint>>| RouteDescription {
            takes: route.takes.iter().map(RoutePattern::to_string).collect(),
            endpoint: route.endpoint.description.clone(),
        };
        let descriptions = routes.iter().map(describe).collect();
        let routes = routes
            .into_iter()
            .map(|route| SniRoute { takes: route.takes, endpoint: route.endpoint.endpoint });
        let mut parsed = arguments.parsed(Rc::new(SniClientEndpoint::new(routes)), [KIND]);
        parsed.description.routes = descriptions;
        Ok(Parsed { endpoint: parsed.endpoint, description: parsed.description })
    }
}

/// The routes, each with its endpoint as `read` makes it of the endpoint's fields.
pub(crate) fn routes<'a, E>(
    arguments: &Arguments<'a>,
    read: impl Fn(Vec<Field<'a>>) -> Result<E, ParseError>,
) -> Result<Vec<SniRoute<E>>, ParseError> {
    arguments.take(Parameter::named(FOR));
    let mut routes = Vec::new();
    for text in route_texts(arguments)? {
        let takes = patterns(arguments, &text.takes, &routes)?;
        routes.push(SniRoute { takes, endpoint: read(text.endpoint)? });
    }
    Ok(routes)
}

/// The mistake with a hint, if a server is given the routes.
fn routes_are_of_clients(error: ParseError) -> ParseError {
    match error.problem() {
        Problem::UnknownOption { option, .. } if option == FOR => {
            let hint = "the routes are the client's: `sni:tcp:PORT` listens for them";
            error.suggesting(None).hinting(Some(hint.into()))
        }
        _ => error,
    }
}

/// The fields of one route.
struct RouteText<'f, 'a> {
    takes: Vec<&'f Field<'a>>,
    endpoint: Vec<Field<'a>>,
}

fn is_for(field: &Field<'_>) -> bool {
    field.name.as_ref().is_some_and(|name| name.text == FOR)
}

/// The fields by routes: one begins at each `for` that follows an endpoint.
fn route_texts<'f, 'a>(arguments: &'f Arguments<'a>) -> Result<Vec<RouteText<'f, 'a>>, ParseError> {
    let fields = arguments.fields();
    let Some(first) = fields.iter().position(is_for) else {
        return Err(no_route(arguments, fields));
    };
    let (shared, fields) = fields.split_at(first);
    if shared.iter().any(|field| field.name.is_none()) {
        return Err(no_route(arguments, shared));
    }
    let mut routes: Vec<RouteText<'f, 'a>> = Vec::new();
    for field in fields {
        match routes.last_mut() {
            Some(route) if !is_for(field) => route.endpoint.push(field.clone()),
            Some(route) if route.endpoint.len() == shared.len() => route.takes.push(field),
            _ => routes.push(RouteText { takes: alloc::vec![field], endpoint: shared.to_vec() }),
        }
    }
    match routes.iter().find(|route| route.endpoint.iter().all(|field| field.name.is_some())) {
        None => Ok(routes),
        Some(route) => {
            let value = route.takes.last().map(|field| &field.value);
            let message =
                "no endpoint follows this route, as in `for=www.example.com:tcp:10.0.0.1:443`";
            Err(Argument::new(arguments, FOR, value).refuse(message))
        }
    }
}

/// The error for a string whose first endpoint has no route before it.
fn no_route(arguments: &Arguments<'_>, fields: &[Field<'_>]) -> ParseError {
    let missing = Argument::new(arguments, FOR, None).missing();
    let example =
        "a route, as in `sni:for=www.example.com:tcp:10.0.0.1:443:for=*:tcp:10.0.0.2:443`";
    match fields.iter().find(|field| field.name.is_none()) {
        Some(field) => {
            let message = format!("no `{FOR}` says which connections this endpoint is for");
            arguments.error(field.value.span.clone(), Problem::Refused { message })
        }
        None => missing,
    }
    .expecting(example)
}

fn patterns<E>(
    arguments: &Arguments<'_>,
    fields: &[&Field<'_>],
    before: &[SniRoute<E>],
) -> Result<Vec<RoutePattern>, ParseError> {
    let mut patterns: Vec<RoutePattern> = Vec::new();
    for field in fields {
        let argument = Argument::new(arguments, FOR, Some(&field.value));
        let text = argument.required()?;
        let pattern: RoutePattern =
            text.parse().map_err(|error: BadPattern| argument.error(error.to_string()))?;
        let mut earlier = before.iter().flat_map(|route| &route.takes).chain(&patterns);
        if let Some(covering) = earlier.find(|earlier| earlier.covers(&pattern)) {
            let message = format!("no connection is left for `{pattern}` behind `{covering}`");
            return Err(argument.refuse(message));
        }
        patterns.push(pattern);
    }
    Ok(patterns)
}
