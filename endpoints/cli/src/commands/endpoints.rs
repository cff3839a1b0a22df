//! `ropewalk endpoints`: what endpoint strings can be.
//!
//! Invariant: everything is asked of the registry that parses the strings.

use std::io::{self, Write as _};

use endpoints::{KindDescription, ParameterDescription, Side, Value};
use serde::Serialize;
use systemd::ListenFds;

use crate::app::App;
use crate::arguments::Endpoints;
use crate::exit_code::Exit;
use crate::report;

/// Lists the kinds, or tells about one.
pub(crate) fn run(arguments: &Endpoints) -> Result<Exit, Exit> {
    let app = App::new(ListenFds::default())?;
    let mut kinds = app.describe_kinds();
    if let Some(wanted) = &arguments.kind {
        let names: Vec<_> = kinds.iter().map(|kind| kind.kind).collect();
        kinds.retain(|kind| kind.kind.eq_ignore_ascii_case(wanted));
        if kinds.is_empty() {
            report::note(unknown(wanted, names));
            return Err(Exit::Usage);
        }
    }
    let text = match (arguments.json, &arguments.kind) {
        (true, _) => json(&kinds),
        (false, None) => overview(&kinds),
        (false, Some(_)) => kinds.iter().map(details).collect::<Vec<_>>().join("\n"),
    };
    let mut output = io::stdout().lock();
    // A caller that closed the output has the exit code.
    let _ = output.write_all(text.as_bytes()).and_then(|()| output.flush());
    Ok(Exit::Done)
}

fn unknown(wanted: &str, mut names: Vec<&str>) -> String {
    names.sort_unstable();
    names.dedup();
    format!("error: there is no kind `{wanted}`: there are {}", names.join(", "))
}

/// One kind a line, the servers first.
fn overview(kinds: &[KindDescription]) -> String {
    let width = kinds.iter().map(|kind| kind.kind.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (side, title) in [(Side::Server, "To listen on:"), (Side::Client, "To connect to:")] {
        text.push_str(&format!("{title}\n"));
        for kind in kinds.iter().filter(|kind| kind.side == side) {
            let example = kind.examples.first().unwrap_or(&"");
            text.push_str(&format!("  {:width$}  {example}\n", kind.kind));
        }
    }
    text.push_str("Arguments, defaults and more examples: ropewalk endpoints KIND\n");
    text
}

/// A kind with its examples and arguments.
fn details(kind: &KindDescription) -> String {
    let purpose = match kind.side {
        Side::Server => "to listen on",
        _ => "to connect to",
    };
    let around = if kind.wraps { ", around another endpoint" } else { "" };
    let mut text = format!("{} {purpose}{around}\n", kind.kind);
    for example in kind.examples {
        text.push_str(&format!("  {example}\n"));
    }
    let rows: Vec<[String; 4]> = kind.parameters.iter().map(row).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths = [width(1), width(2)];
    for [position, name, default, form] in &rows {
        let [name_width, default_width] = widths;
        let line = format!("  {position:1} {name:name_width$}  {default:default_width$}  {form}");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn row(parameter: &ParameterDescription) -> [String; 4] {
    let position = parameter.position.map(|it| it.to_string()).unwrap_or_default();
    let default = match &parameter.default {
        _ if parameter.is_needed => "(needed)".into(),
        Value::Absent => "-".into(),
        value => value.to_string(),
    };
    let form = parameter.form.clone().unwrap_or_else(|| "text".into());
    [position, parameter.name.into(), default, form]
}

#[derive(Serialize)]
struct KindsLine<'a> {
    kinds: Vec<KindObject<'a>>,
}

#[derive(Serialize)]
struct KindObject<'a> {
    kind: &'a str,
    side: &'a str,
    wraps: bool,
    examples: &'a [&'a str],
    arguments: Vec<ArgumentObject<'a>>,
}

#[derive(Serialize)]
struct ArgumentObject<'a> {
    name: &'a str,
    position: Option<usize>,
    needed: bool,
    default: Option<String>,
    form: Option<&'a str>,
}

fn json(kinds: &[KindDescription]) -> String {
    let kinds = kinds.iter().map(|kind| KindObject {
        kind: kind.kind,
        side: match kind.side {
            Side::Server => "server",
            _ => "client",
        },
        wraps: kind.wraps,
        examples: kind.examples,
        arguments: kind.parameters.iter().map(argument_object).collect(),
    });
    let line = serde_json::to_string(&KindsLine { kinds: kinds.collect() });
    line.expect("text, numbers and lists of text are JSON") + "\n"
}

fn argument_object(parameter: &ParameterDescription) -> ArgumentObject<'_> {
    ArgumentObject {
        name: parameter.name,
        position: parameter.position,
        needed: parameter.is_needed,
        default: (parameter.default != Value::Absent).then(|| parameter.default.to_string()),
        form: parameter.form.as_deref(),
    }
}
