//! `ropewalk check`: what an endpoint string means.
//!
//! Without `--client` or `--server` a string is parsed as a server and then as a client; of two
//! mistakes the one further to the right is reported, the server's when both are at the same place. The answer
//! names the side, and says when the string is one of the other side, too.
//!
//! Invariant: only the reactor's own descriptors are opened, and neither the environment nor a file is
//! read.

use std::io::{self, Write as _};

use endpoints::{Description, ParseError, Value};
use interfaces::printable;
use systemd::ListenFds;

use crate::app::App;
use crate::arguments::Check;
use crate::exit_code::Exit;
use crate::json;
use crate::{report, warnings};

/// Checks one string.
pub(crate) fn run(arguments: &Check) -> Result<Exit, Exit> {
    let app = App::new(ListenFds::default())?;
    let result = describe(&app, arguments);
    let exit = if result.is_ok() { Exit::Done } else { Exit::Usage };
    match (&result, arguments.json) {
        (Ok(judged), false) => print(&text(judged)),
        (Ok(judged), true) => print(&json::description(judged)),
        (Err(error), false) => report::mistake(error),
        (Err(error), true) => print(&json::mistake(error)),
    }
    Ok(exit)
}

/// A string that was understood, and as which of the two sides.
pub(crate) struct Judged {
    pub(crate) description: Description,
    /// `server` or `client`.
    pub(crate) side: &'static str,
    /// The other side, if the string is one of that, too, and means something else there.
    pub(crate) other_side: Option<&'static str>,
}

fn describe(app: &App, arguments: &Check) -> Result<Judged, ParseError> {
    let text = &arguments.endpoint;
    let server = app.parse_server(text).map(|parsed| parsed.description);
    let client = app.parse_client(text).map(|parsed| parsed.description);
    // A path is the same path on both sides.
    let is_path =
        client.as_ref().is_ok_and(|found| found.layers.last().is_some_and(|it| it == "unix"));
    let other = |is_other, side| if is_other && !is_path { Some(side) } else { None };
    let as_server = |description, is_client| Judged {
        description,
        side: "server",
        other_side: other(is_client, "client"),
    };
    let as_client = |description, is_server| Judged {
        description,
        side: "client",
        other_side: other(is_server, "server"),
    };
    match (arguments.server, arguments.client) {
        (true, _) => server.map(|found| as_server(found, client.is_ok())),
        (false, true) => client.map(|found| as_client(found, server.is_ok())),
        (false, false) => match (server, client) {
            (Ok(found), client) => Ok(as_server(found, client.is_ok())),
            (Err(_), Ok(found)) => Ok(as_client(found, false)),
            (Err(server), Err(client)) => Err(further(server, client)),
        },
    }
}

/// The mistake of the parser that got further. A missing argument counts less than a wrong one.
fn further(server: ParseError, client: ParseError) -> ParseError {
    let understood = client.offset() > server.offset() && client.length() > 0;
    if understood { client } else { server }
}

/// One fact a line, in columns.
fn text(judged: &Judged) -> String {
    let Judged { description, side, other_side } = judged;
    let layers = stack(description);
    let mut text = format!("side    {side}\nkind    {}\nlayers  {layers}", description.kind);
    push_endpoint(&mut text, description);
    if let Some(other) = other_side {
        text.push_str(&format!(
            "\nother   it is a {other}, too, and means something else: see --{other}"
        ));
    }
    if let Some(warning) = warnings::warning(description) {
        text.push_str(&format!("\nwarning {warning}"));
    }
    text
}

/// The layers, from the application to the wire: a single one as it is, and several below each other.
fn stack(description: &Description) -> String {
    match &description.layers[..] {
        [only] => only.to_string(),
        layers => {
            let lines = layers.iter().map(|layer| format!("\n        ↓ {layer}"));
            format!("application{}\n        the wire", lines.collect::<String>())
        }
    }
}

/// The arguments of an endpoint, and of each that it wraps or routes to.
fn push_endpoint(text: &mut String, description: &Description) {
    push_arguments(text, description);
    if let Some(wrapped) = &description.wrapped {
        text.push_str(&format!("\nwraps   {}", wrapped.kind));
        push_endpoint(text, wrapped);
    }
    for route in &description.routes {
        let takes = route.takes.join(" or ");
        let layers = stack(&route.endpoint);
        text.push_str(&format!("\nroute   {}\nlayers  {layers}", printable(&takes)));
        push_endpoint(text, &route.endpoint);
    }
}

fn push_arguments(text: &mut String, description: &Description) {
    let width = description.arguments.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, value) in &description.arguments {
        let value = match value {
            Value::Absent => "(none)".into(),
            value => printable(&value.to_string()).to_string(),
        };
        text.push_str(&format!("\n  {name:width$}  {value}"));
    }
}

fn print(text: &str) {
    let mut output = io::stdout().lock();
    // A caller that closed the output has the exit code.
    let _ = writeln!(output, "{text}").and_then(|()| output.flush());
}
