//! The services that a file describes, each as the command line that it stands for.
//!
//! A table is turned into the words of `relay` or `serve`, and clap reads those: a file has no option, default or
//! form of its own. Invariant: every value of the file is in the words, or is a mistake.

use std::fs;
use std::ops::Range;
use std::path::Path;

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, CommandFactory as _, Parser as _};
use endpoints::ParseError;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistake::FileMistake;
use crate::app::App;
use crate::arguments::{Arguments, Command, Relay, Serve};

/// The options that are about the whole command, and not about one of its services.
const OF_THE_COMMAND: [&str; 11] = [
    "workers",
    "pin-workers",
    "status",
    "exit-idle",
    "drain-delay",
    "max-unsent",
    "upgrade",
    "log",
    "log-level",
    "dump",
    "dump-file",
];

/// One service of a file.
#[derive(Debug)]
pub(crate) struct ServiceSpecification {
    /// The name of its table: `relay.web`.
    pub(crate) name: String,
    /// The words that it stands for; a service with the same ones is the same.
    pub(crate) words: Vec<String>,
    pub(crate) command: ServiceCommand,
}

/// What a service does.
#[derive(Debug)]
pub(crate) enum ServiceCommand {
    Relay(Relay),
    Serve(Serve),
}

/// Reads a file.
///
/// # Errors
///
/// All mistakes, each as lines for standard error; nothing was reported.
pub(crate) fn read(path: &Path, app: &App) -> Result<Vec<ServiceSpecification>, Vec<String>> {
    let text = fs::read_to_string(path)
        .map_err(|error| vec![format!("error: cannot read {}: {error}", path.display())])?;
    let mut reading = Reading { path, text: &text, app, mistakes: Vec::new() };
    let services = reading.services();
    reading.mistakes.sort_by_key(|mistake| mistake.offset);
    let mut mistakes: Vec<String> = reading.mistakes.iter().map(ToString::to_string).collect();
    if mistakes.is_empty() && services.is_empty() {
        let form = "expected tables like [relay.web] and [serve.echo]";
        mistakes.push(format!("error: {}: there is no service: {form}", path.display()));
    }
    if mistakes.is_empty() { Ok(services) } else { Err(mistakes) }
}

struct Reading<'a> {
    path: &'a Path,
    text: &'a str,
    app: &'a App,
    mistakes: Vec<FileMistake>,
}

impl Reading<'_> {
    fn wrong(&mut self, span: Range<usize>, message: &str) {
        self.mistakes.push(FileMistake::new(self.path, self.text, span, message));
    }

    fn services(&mut self) -> Vec<ServiceSpecification> {
        let text = self.text;
        let file = match DeTable::parse(text) {
            Ok(file) => file,
            Err(error) => {
                self.wrong(error.span().unwrap_or_default(), error.message());
                return Vec::new();
            }
        };
        let mut services = Vec::new();
        for (kind, tables) in file.get_ref() {
            if !["relay", "serve"].contains(&&**kind.get_ref()) {
                let message =
                    format!("unknown table `{}`: expected relay or serve", kind.get_ref());
                self.wrong(kind.span(), &message);
                continue;
            }
            let Some(tables) = tables.get_ref().as_table() else {
                self.wrong(tables.span(), "expected a table with a name, as in [relay.web]");
                continue;
            };
            for (name, table) in tables {
                match table.get_ref().as_table() {
                    Some(table) => services.extend(self.service(kind.get_ref(), name, table)),
                    None => self.wrong(name.span(), "expected a table, as in [relay.web]"),
                }
            }
        }
        self.check_ports(&services);
        services
    }

    /// A port is of one service.
    fn check_ports(&mut self, services: &[ServiceSpecification]) {
        let mut seen: Vec<(&str, &str)> = Vec::new();
        for service in services {
            for listen in service.listen() {
                if let Some((_, other)) = seen.iter().find(|(text, _)| *text == listen) {
                    let message =
                        format!("{} listens on {listen}, too: {other} does", service.name);
                    let at = self.text.rfind(listen).unwrap_or(0);
                    self.mistakes.push(FileMistake::new(
                        self.path,
                        self.text,
                        at..at + listen.len(),
                        &message,
                    ));
                }
                seen.push((listen, &service.name));
            }
        }
    }

    fn service(
        &mut self,
        kind: &str,
        name: &Spanned<toml::de::DeString<'_>>,
        table: &DeTable<'_>,
    ) -> Option<ServiceSpecification> {
        let before = self.mistakes.len();
        let mut command = Arguments::command();
        command.build();
        let command = command.find_subcommand(kind)?.clone();
        let mut options = Vec::new();
        for (key, value) in table {
            let argument =
                command.get_arguments().find(|argument| key_of(argument) == **key.get_ref());
            match argument {
                Some(argument) if argument.is_positional() => {}
                Some(argument) if !OF_THE_COMMAND.contains(&&**key.get_ref()) => {
                    let key = key_of(argument);
                    let given = self.values(argument, value).into_iter();
                    options.extend(given.map(|text| {
                        text.map_or(format!("--{key}"), |text| format!("--{key}={text}"))
                    }));
                }
                Some(_) => {
                    self.wrong(key.span(), "this is an option of the command, not of a service")
                }
                None => self.unknown(key, &command),
            }
        }
        let mut words = vec!["ropewalk".into(), kind.into()];
        words.extend(options);
        words.push("--".into());
        for argument in command.get_positionals() {
            let key = key_of(argument);
            match table.iter().find(|(known, _)| **known.get_ref() == *key) {
                Some((_, value)) => {
                    words.extend(self.values(argument, value).into_iter().flatten())
                }
                None => {
                    self.wrong(
                        name.span(),
                        &format!("`{key}` is missing for {kind}.{}", name.get_ref()),
                    );
                }
            }
        }
        if self.mistakes.len() > before {
            return None;
        }
        let command = match Arguments::try_parse_from(&words).map(|arguments| arguments.command) {
            Ok(Command::Relay(relay)) => ServiceCommand::Relay(relay),
            Ok(Command::Serve(serve)) => ServiceCommand::Serve(serve),
            Ok(_) => return None,
            Err(error) => {
                self.refused(&error, name, table);
                return None;
            }
        };
        Some(ServiceSpecification { name: format!("{kind}.{}", name.get_ref()), words, command })
    }

    fn unknown(&mut self, key: &Spanned<toml::de::DeString<'_>>, command: &clap::Command) {
        let known = command.get_arguments().map(key_of);
        let known = known.filter(|key| key != "help" && !OF_THE_COMMAND.contains(&&**key));
        let known = known.collect::<Vec<_>>().join(", ");
        let message = format!("unknown key `{}`: expected one of {known}", key.get_ref());
        self.wrong(key.span(), &message);
    }

    /// The values of an argument, in order; `None` for a switch that is on.
    fn values(&mut self, argument: &Arg, value: &Spanned<DeValue<'_>>) -> Vec<Option<String>> {
        let takes_values = argument.get_action().takes_values();
        match value.get_ref() {
            DeValue::Boolean(true) if !takes_values => vec![None],
            DeValue::Boolean(false) if !takes_values => Vec::new(),
            _ if !takes_values => {
                self.wrong(value.span(), "expected true or false");
                Vec::new()
            }
            DeValue::Array(values) if takes_several(argument) => {
                values.iter().filter_map(|value| self.text_of(argument, value)).map(Some).collect()
            }
            _ => self.text_of(argument, value).map(Some).into_iter().collect(),
        }
    }

    fn text_of(&mut self, argument: &Arg, value: &Spanned<DeValue<'_>>) -> Option<String> {
        let text = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_string(),
            other => {
                let list = if takes_several(argument) { " or a list of them" } else { "" };
                let message =
                    format!("expected text or a number{list}, and not {}", other.type_str());
                self.wrong(value.span(), &message);
                return None;
            }
        };
        let name =
            argument.get_value_names().and_then(|names| names.first()).map(|name| name.as_str());
        let mistake = match name {
            Some("LISTEN" | "LISTEN...") => self.app.parse_server(&text).err(),
            Some("CONNECT") => self.app.parse_client(&text).err(),
            _ => None,
        };
        if let Some(mistake) = mistake {
            self.wrong_endpoint(value.span(), &text, &mistake);
            return None;
        }
        Some(text)
    }

    /// At the mistake inside the text, where the file has the text as it is.
    fn wrong_endpoint(&mut self, span: Range<usize>, text: &str, mistake: &ParseError) {
        let written = self.text.get(span.clone()).unwrap_or("");
        let place = match written.find(text).filter(|_| written.len() == text.len() + 2) {
            Some(begin) => {
                let begin = span.start + begin + mistake.offset();
                begin..begin + mistake.length()
            }
            None => span,
        };
        let help = mistake.help().map(|help| format!(": {help}")).unwrap_or_default();
        self.wrong(place, &format!("{mistake}{help}"));
    }

    /// A refusal of clap's, at the key that it is about.
    fn refused(
        &mut self,
        error: &clap::Error,
        name: &Spanned<toml::de::DeString<'_>>,
        table: &DeTable<'_>,
    ) {
        let about = match error.get(ContextKind::InvalidArg) {
            Some(ContextValue::String(argument)) => argument.clone(),
            _ => String::new(),
        };
        let key = about.trim_start_matches(['-', '<']).split([' ', '>', '=']).next().unwrap_or("");
        let found = table.iter().find(|(known, _)| known.get_ref().eq_ignore_ascii_case(key));
        let span = found.map_or(name.span(), |(_, value)| value.span());
        let text = error.to_string();
        let first = text.lines().next().unwrap_or("").trim_start_matches("error: ").to_owned();
        self.wrong(span, &first);
    }
}

impl ServiceSpecification {
    /// The strings of its ports.
    pub(crate) fn listen(&self) -> impl Iterator<Item = &str> {
        let listen = match &self.command {
            ServiceCommand::Relay(relay) => &relay.listen,
            ServiceCommand::Serve(serve) => &serve.listen,
        };
        listen.iter().map(endpoints::ServerString::as_str)
    }
}

/// The name that an argument has in a file: of an option its long one.
fn key_of(argument: &Arg) -> String {
    argument.get_long().unwrap_or(argument.get_id().as_str()).to_owned()
}

fn takes_several(argument: &Arg) -> bool {
    let several = argument.get_num_args().is_some_and(|range| range.max_values() > 1);
    several || matches!(argument.get_action(), clap::ArgAction::Append)
}
