//! The command line as it was typed, and what is wrong with it.
//!
//! clap stops at the first value that it cannot take. Of endpoint strings every mistake is told, as the mistakes of
//! the registry are; so a line with a wrong string is read again with strings of any grammar.
//!
//! Invariant: a tip names a command line that is right, or the place of the argument that is wrong.

use std::ffi::OsString;

use clap::builder::{StringValueParser, StyledStr};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command, CommandFactory as _, Error, FromArgMatches as _};
use systemd::ListenFds;

use crate::app::App;
use crate::arguments::Arguments;
use crate::exit_code::Exit;
use crate::report;

/// Options of socat, ncat and others, the option here that the tip is about, if it is about one, and the tip.
const FOREIGN_OPTIONS: [(&[&str], Option<&str>, &str); 6] = [
    (&["-l", "--listen", "-L"], None, "where to listen is an argument, as in 'tcp:8080'"),
    (&["-p", "--port"], None, "the port is part of the endpoint, as in 'tcp:8080'"),
    (
        &["-v", "-vv", "--verbose", "-d"],
        Some("log-connections"),
        "'--log-connections' tells the end of each connection",
    ),
    (&["-T", "-i", "--timeout"], Some("idle-timeout"), "'--idle-timeout' ends what is silent"),
    (&["-w", "--timeout"], Some("connect-timeout"), "'--connect-timeout' limits each attempt"),
    (&["-4", "-6"], None, "the kind says the family: 'tcp:PORT' or 'tcp6:PORT' to listen"),
];

/// The arguments of this process.
///
/// # Errors
///
/// The exit code, when the command line is wrong or asks for help; it was reported or printed.
pub(crate) fn read() -> Result<Arguments, Exit> {
    let given: Vec<OsString> = std::env::args_os().collect();
    let parsed = command()
        .try_get_matches_from(&given)
        .and_then(|mut matches| Arguments::from_arg_matches_mut(&mut matches));
    parsed.map_err(|error| told(error, &given))
}

/// The command, with numbers below 0 as values that are refused by name, not as options that do not exist.
fn command() -> Command {
    let number = |arg: Arg| {
        let is_number = ["TIME", "N", "BYTES"].iter().any(|name| has_value(&arg, name));
        if is_number { arg.allow_negative_numbers(true) } else { arg }
    };
    Arguments::command().mut_subcommands(|command| command.mut_args(number))
}

fn has_value(arg: &Arg, name: &str) -> bool {
    arg.get_value_names().is_some_and(|names| names.iter().any(|it| it.as_str() == name))
}

fn told(error: Error, given: &[OsString]) -> Exit {
    if !error.use_stderr() {
        // An output that is closed has no reader to tell.
        let _ = error.print();
        return Exit::Done;
    }
    let error = match error.kind() {
        ErrorKind::ValueValidation => match strings_told(given) {
            Ok(true) => return Exit::Usage,
            Ok(false) => error,
            // Something else on the line is wrong, too, and is told first.
            Err(other) => other,
        },
        _ => error,
    };
    // It quotes what was typed, or what a script passed on.
    report::usage(&with_tip(error, given).render().to_string());
    Exit::Usage
}

/// Tells the mistakes of all endpoint strings; whether there was one.
fn strings_told(given: &[OsString]) -> Result<bool, Error> {
    let any = |arg: Arg| {
        let is_endpoint = has_value(&arg, "LISTEN") || has_value(&arg, "CONNECT");
        if is_endpoint { arg.value_parser(StringValueParser::new()) } else { arg }
    };
    let command = command().mut_subcommands(|command| command.mut_args(any));
    let matches = command.clone().try_get_matches_from(given)?;
    let Some((name, values)) = matches.subcommand() else { return Ok(false) };
    // Its LISTEN has the name of a socket behind it.
    let is_named = name == "activate";
    let Some(command) = command.find_subcommand(name).filter(|_| !is_named) else {
        return Ok(false);
    };
    let Ok(app) = App::new(ListenFds::default()) else { return Ok(false) };
    let texts = |name: &str| -> Vec<&String> {
        let args = command.get_arguments().filter(|arg| has_value(arg, name));
        args.filter_map(|arg| values.get_many(arg.get_id().as_str())).flatten().collect()
    };
    let (listen, connect) = (texts("LISTEN"), texts("CONNECT"));
    let servers = listen.iter().filter_map(|text| app.parse_server(text).err());
    let clients = connect.iter().filter_map(|text| app.parse_client(text).err());
    let mistakes: Vec<_> = servers.chain(clients).collect();
    mistakes.iter().for_each(report::mistake);
    Ok(!mistakes.is_empty())
}

/// Tells that the two sides of a relay stand in the wrong order, if the other one would be right.
pub(crate) fn tell_swapped(app: &App, listen: &[&str], connect: &str) {
    let would_connect = listen.iter().all(|text| app.parse_client(text).is_ok());
    if would_connect && app.parse_server(connect).is_ok() {
        report::note(
            "help: LISTEN comes first and CONNECT last; here they are the other way round",
        );
    }
}

/// The error with a tip of this command; clap's own, to write `--` before an option, is right for no argument here.
fn with_tip(mut error: Error, given: &[OsString]) -> Error {
    let invalid = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        _ => String::new(),
    };
    let tip = match error.kind() {
        ErrorKind::UnknownArgument => {
            let argument = invalid(ContextKind::InvalidArg);
            if argument.starts_with('-') && error.get(ContextKind::SuggestedArg).is_none() {
                error.remove(ContextKind::Suggested);
            }
            let name = given.get(1).and_then(|name| name.to_str());
            option_tip(&argument, name)
        }
        ErrorKind::InvalidSubcommand => subcommand_tip(&invalid(ContextKind::InvalidSubcommand)),
        ErrorKind::InvalidValue if invalid(ContextKind::InvalidArg) == "<PROTOCOL>" => {
            let is_endpoint = invalid(ContextKind::InvalidValue).contains(':');
            is_endpoint.then(|| "the protocol comes first: 'ropewalk serve echo tcp:7'".into())
        }
        ErrorKind::MissingRequiredArgument if given.get(1).is_some_and(|it| it == "relay") => {
            Some("the last argument is CONNECT, and those before it are LISTEN".into())
        }
        _ => None,
    };
    if let Some(tip) = tip {
        let tips = vec![StyledStr::from(tip)];
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
    }
    error
}

/// A tip for an argument that is not expected, behind a subcommand or none.
fn option_tip(argument: &str, name: Option<&str>) -> Option<String> {
    let command = Arguments::command();
    let has = |command: &Command, option: &str| {
        command.get_arguments().any(|arg| arg.get_long() == Some(option))
    };
    let word = argument.trim_start_matches('-');
    let Some(subcommand) = name.and_then(|name| command.find_subcommand(name)) else {
        let is_dashed = argument.starts_with('-') && command.find_subcommand(word).is_some();
        let owner = command.get_subcommands().find(|it| has(it, word)).map(Command::get_name);
        return match (is_dashed, owner) {
            (true, _) => Some(format!("a command has no dashes: 'ropewalk {word}'")),
            (_, Some(owner)) => {
                Some(format!("options come after the command: 'ropewalk {owner} …'"))
            }
            _ => None,
        };
    };
    if !argument.starts_with('-') {
        return Some("an endpoint is one word, as in 'tcp:localhost:80'".into());
    }
    if word.starts_with(|first: char| first.is_ascii_digit()) && !["4", "6"].contains(&word) {
        return Some("numbers and times have no sign".into());
    }
    let fits = |options: &[&str], own: Option<&str>| {
        options.contains(&argument) && own.is_none_or(|own| has(subcommand, own))
    };
    let found = FOREIGN_OPTIONS.iter().find(|(options, own, _)| fits(options, *own));
    found.map(|(.., tip)| (*tip).into())
}

fn subcommand_tip(word: &str) -> Option<String> {
    match word {
        "help" => Some("'ropewalk --help', or 'ropewalk COMMAND --help'".into()),
        "version" => Some("'ropewalk --version'".into()),
        // An endpoint, or its kind.
        _ if word.contains(':') => {
            Some("a command comes first: 'ropewalk relay LISTEN CONNECT'".into())
        }
        _ => None,
    }
}
