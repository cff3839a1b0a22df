//! The options before the subcommand; Twisted's `TwistOptions`.
//!
//! Invariant: the log's file is opened here, and its format decided when all arguments are read.

use interfaces::printable;

use crate::{ExitStatus, LogFormat, LogLevel, LogOutput};

/// The options of a program like `twist`, and its subcommand with the arguments behind it.
#[derive(Debug)]
#[non_exhaustive]
pub struct TwistOptions {
    /// `--reactor`: the name of one of the reactors.
    pub reactor: String,
    /// `--log-level`: the least level that is logged.
    pub log_level: LogLevel,
    /// `--log-file`: where the log goes to.
    pub log_output: LogOutput,
    /// `--log-format`, or the one for the output.
    pub log_format: LogFormat,
    /// The name of the subcommand.
    pub command: String,
    /// The arguments behind the name.
    pub arguments: Vec<String>,
}

/// A text that is printed in place of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Help,
    Version,
}

/// Why there are no options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NoOptions {
    Asked(Asked),
    Usage(String),
    Failed(ExitStatus, String),
}

/// The lines of the usage that tell of the options.
pub(crate) const USAGE: &str = "\
Options:
  --reactor NAME     The reactor to use
  --log-level LEVEL  debug, info, warn, error or critical: info
  --log-file FILE    Log to the end of this file; - is standard output, + standard error: -
  --log-format NAME  text or json: text on a terminal, else json
  --version          Print the version
  --help             Print this
";

impl TwistOptions {
    /// Reads arguments, without the program's name.
    pub(crate) fn parse(
        arguments: impl Iterator<Item = String>,
        reactors: &[&str],
        commands: &[&str],
    ) -> Result<Self, NoOptions> {
        let mut arguments = arguments;
        let mut options = Self {
            reactor: reactors.first().copied().unwrap_or_default().into(),
            log_level: LogLevel::default(),
            log_output: LogOutput::Stdout,
            log_format: LogFormat::Text,
            command: String::new(),
            arguments: Vec::new(),
        };
        let mut format = None;
        while let Some(argument) = arguments.next() {
            let Some(option) = argument.strip_prefix("--") else {
                options.command = known_command(argument, commands)?;
                options.arguments = arguments.collect();
                let for_output = LogFormat::for_output(options.log_output.is_terminal());
                options.log_format = format.unwrap_or(for_output);
                return Ok(options);
            };
            let (name, value) = match option.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (option, None),
            };
            match name {
                "help" => return Err(NoOptions::Asked(Asked::Help)),
                "version" => return Err(NoOptions::Asked(Asked::Version)),
                "reactor" | "log-level" | "log-file" | "log-format" => {}
                _ => return Err(usage("Unknown option", &argument)),
            }
            let value = value.or_else(|| arguments.next());
            let value = value.ok_or_else(|| usage("There is no value for", &argument))?;
            options.set(name, &value, reactors, &mut format)?;
        }
        Err(NoOptions::Usage("No plugin specified.".into()))
    }

    fn set(
        &mut self,
        name: &str,
        value: &str,
        reactors: &[&str],
        format: &mut Option<LogFormat>,
    ) -> Result<(), NoOptions> {
        match name {
            "reactor" if reactors.contains(&value) => self.reactor = value.into(),
            "reactor" => return Err(usage("Unknown reactor", value)),
            "log-level" => {
                let level = value.parse();
                self.log_level = level.map_err(|_| usage("Invalid log level", value))?;
            }
            "log-format" => {
                let named = LogFormat::of_name(value);
                *format = Some(named.ok_or_else(|| usage("Invalid log format", value))?);
            }
            _ => self.log_output = open(value)?,
        }
        Ok(())
    }
}

fn known_command(name: String, commands: &[&str]) -> Result<String, NoOptions> {
    if commands.contains(&&*name) { Ok(name) } else { Err(usage("Unknown command", &name)) }
}

fn open(name: &str) -> Result<LogOutput, NoOptions> {
    LogOutput::open(name).map_err(|error| {
        let message = format!("Unable to open log file '{}': {error}", printable(name));
        NoOptions::Failed(ExitStatus::IOERR, message)
    })
}

fn usage(what: &str, text: &str) -> NoOptions {
    NoOptions::Usage(format!("{what}: {}", printable(text)))
}
