//! [`Twist`]: a program of subcommands that each make a service; Twisted's `twist`.
//!
//! Invariant: the options are read before a reactor is made, and a reactor before a service.

use std::fmt;
use std::io;

use interfaces::{ReactorRun, ReactorTime};

use systemd::Notifier;

use crate::twist_options::{Asked, NoOptions, USAGE};
use crate::{Exit, ExitStatus, Log, MakeError, Runner, ServiceMaker, TwistOptions};

/// A program that runs one of several services: `PROGRAM [options] plugin [plugin_options]`.
///
/// It has no pid file, does not leave its terminal and changes no user, as a supervisor does that better; a
/// program that wants them has a [`Runner`].
///
/// # Differences from Twisted
///
/// The reactors and the subcommands are those that `main` names. A mistake in an endpoint's string is a mistake
/// in the usage, and a port that cannot be opened the status 69.
pub struct Twist<R> {
    program: String,
    version: String,
    reactors: Vec<(String, MakeReactor<R>)>,
    makers: Vec<Box<dyn ServiceMaker<R>>>,
}

type MakeReactor<R> = Box<dyn Fn() -> io::Result<R>>;

impl<R: ReactorRun + ReactorTime + Clone + 'static> Twist<R> {
    /// A program of this name and version, without a reactor and subcommands so far.
    pub fn new(program: impl Into<String>, version: impl Into<String>) -> Self {
        let (reactors, makers) = (Vec::new(), Vec::new());
        Self { program: program.into(), version: version.into(), reactors, makers }
    }

    /// With a reactor that `--reactor` can name. The first one is the default.
    #[must_use]
    pub fn with_reactor(
        mut self,
        name: impl Into<String>,
        make: impl Fn() -> io::Result<R> + 'static,
    ) -> Self {
        self.reactors.push((name.into(), Box::new(make)));
        self
    }

    /// With a subcommand.
    #[must_use]
    pub fn with_service(mut self, maker: impl ServiceMaker<R> + 'static) -> Self {
        self.makers.push(Box::new(maker));
        self
    }

    /// The whole program: reads the arguments, without the program's name, makes the service, and runs it.
    pub fn main(&self, arguments: impl IntoIterator<Item = String>) -> Exit {
        match self.options(arguments).and_then(|options| self.runner(options)) {
            Ok(runner) => runner.run(),
            Err(exit) => exit,
        }
    }

    /// Reads the arguments.
    ///
    /// # Errors
    ///
    /// The end of the program: with the help or the version, with a mistake and the usage (64), or
    /// with a log file that cannot be opened (74).
    pub fn options(
        &self,
        arguments: impl IntoIterator<Item = String>,
    ) -> Result<TwistOptions, Exit> {
        let reactors: Vec<&str> = self.reactors.iter().map(|(name, _)| &**name).collect();
        let commands: Vec<&str> = self.makers.iter().map(|maker| maker.name()).collect();
        TwistOptions::parse(arguments.into_iter(), &reactors, &commands).map_err(|no| match no {
            NoOptions::Asked(Asked::Help) => Exit::new(ExitStatus::OK).with_message(self.usage()),
            NoOptions::Asked(Asked::Version) => {
                Exit::new(ExitStatus::OK).with_message(self.version.clone())
            }
            NoOptions::Usage(message) => mistake(&message, &self.usage()),
            NoOptions::Failed(status, message) => Exit::new(status).with_message(message),
        })
    }

    /// Makes the reactor and the service, and a runner of both.
    ///
    /// # Errors
    ///
    /// The end of the program: with a mistake of the subcommand's arguments and its usage (64), or
    /// without a reactor (71).
    pub fn runner(&self, options: TwistOptions) -> Result<Runner<R>, Exit> {
        let (_, make) =
            self.reactors.iter().find(|(name, _)| *name == options.reactor).ok_or_else(|| {
                Exit::new(ExitStatus::SOFTWARE).with_message("The program has no reactor.")
            })?;
        let failed = |what: &str, error: &dyn fmt::Display| {
            Exit::new(ExitStatus::OSERR).with_message(format!("Error: {what}: {error}"))
        };
        let reactor = make().map_err(|error| failed("cannot make a reactor", &error))?;
        let maker = self.makers.iter().find(|maker| maker.name() == options.command);
        let maker = maker.ok_or_else(|| mistake("Unknown command", &self.usage()))?;
        let service =
            maker.make_service(&reactor, &options.arguments).map_err(|error| match error {
                MakeError::Usage(message) => mistake(&message, &self.usage_of(&**maker)),
                MakeError::Failed(failure) => {
                    Exit::new(ExitStatus::SOFTWARE).with_message(format!("Error: {failure:#}"))
                }
            })?;
        let log = Log::new(options.log_level, options.log_format, options.log_output);
        let log = log.map_err(|error| failed("cannot start the log", &error))?;
        let runner = Runner::new(reactor, service).log(log);
        match Notifier::from_environment() {
            Ok(Some(supervisor)) => Ok(runner.notify(std::rc::Rc::new(supervisor))),
            Ok(None) => Ok(runner),
            Err(error) => Err(failed("cannot tell the supervisor", &error)),
        }
    }

    /// The usage, with the subcommands by their names.
    pub fn usage(&self) -> String {
        let mut makers: Vec<_> = self.makers.iter().collect();
        makers.sort_by(|one, other| one.name().cmp(other.name()));
        let width = makers.iter().map(|maker| maker.name().len()).max().unwrap_or(0);
        let lines = makers
            .iter()
            .map(|maker| format!("  {:width$}  {}\n", maker.name(), maker.description()));
        let reactors: Vec<&str> = self.reactors.iter().map(|(name, _)| &**name).collect();
        format!(
            "Usage: {} [options] plugin [plugin_options]\n{USAGE}Reactors: {}\nCommands:\n{}",
            self.program,
            reactors.join(", "),
            lines.collect::<String>()
        )
    }

    fn usage_of(&self, maker: &dyn ServiceMaker<R>) -> String {
        let (program, name) = (&self.program, maker.name());
        format!("Usage: {program} [options] {name} [plugin_options]\n{}", maker.usage())
    }
}

fn mistake(message: &str, usage: &str) -> Exit {
    Exit::new(ExitStatus::USAGE).with_message(format!("Error: {message}\n\n{usage}"))
}

impl<R> fmt::Debug for Twist<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Twist").field("program", &self.program).finish_non_exhaustive()
    }
}
