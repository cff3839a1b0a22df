//! The protocols of `serve`, and the files that they need.
//!
//! Invariant: the files are read before the first port opens, once for all workers.

use std::fs;
use std::path::Path;
use std::rc::Rc;

use interfaces::Factory;
use protocol::redis::RedisFactory;
use protocol::socks::SocksFactory;
use protocol::wire::{Chargen, Daytime, Discard, Echo, Qotd, Time};

use crate::app::App;
use crate::arguments::{Serve, Service};
use crate::exit_code::Exit;
use crate::http_file::{self, Root};
use crate::limits::Descriptors;
use crate::report;

/// What the protocols have from files.
#[derive(Debug, Default)]
pub(crate) struct Served {
    directory: Option<Root>,
    passwords: Option<Passwords>,
}

/// Names with their passwords.
#[derive(Debug)]
struct Passwords(Vec<(String, String)>);

impl Served {
    /// Checks the options of the protocol, and reads its files.
    ///
    /// # Errors
    ///
    /// The exit code, when an option is for another protocol, or a file cannot be read; it was reported.
    pub(crate) fn read(arguments: &Serve) -> Result<Self, Exit> {
        let protocol = arguments.protocol;
        for (option, is_given, owner) in [
            ("--directory", arguments.directory.is_some(), Service::HttpFile),
            ("--passwords", arguments.passwords.is_some(), Service::Socks5),
        ] {
            if is_given && protocol != owner {
                return Err(wrong(&format!("{option} is for another protocol, see -h")));
            }
        }
        // Each worker would have data of its own.
        if protocol == Service::Redis && arguments.workers.number != 1 {
            return Err(wrong("redis has its data on one thread: leave --workers out"));
        }
        if protocol == Service::Socks5 && arguments.passwords.is_none() {
            let text = "whoever reaches this proxy goes where this machine can, see --passwords";
            report::note(format_args!("warning: {text}"));
        }
        Ok(Self {
            directory: arguments.directory.as_deref().map(open_root).transpose()?,
            passwords: arguments.passwords.as_deref().map(Passwords::read).transpose()?,
        })
    }

    /// The factory of a protocol, for one worker.
    pub(crate) fn factory(&self, service: Service, app: &App) -> Rc<dyn Factory> {
        match service {
            Service::Echo => protocol::factory_fn(|_| Echo),
            Service::Discard => protocol::factory_fn(|_| Discard),
            Service::Chargen => protocol::factory_fn(|_| Chargen),
            Service::Daytime => protocol::factory_fn(|_| Daytime::now()),
            Service::Time => protocol::factory_fn(|_| Time::now()),
            Service::Qotd => protocol::factory_fn(|_| Qotd::default()),
            Service::HttpFile => http_file::factory(self.directory.clone()),
            Service::Redis => RedisFactory::new(app.reactor.clone()).into_rc(),
            Service::Socks5 => self.socks(app),
        }
    }

    fn socks(&self, app: &App) -> Rc<dyn Factory> {
        let socks = SocksFactory::new(Rc::new(app.reactor.clone()));
        match &self.passwords {
            None => socks.into_rc(),
            Some(Passwords(known)) => {
                let known = known.clone();
                let is_right = move |name: &str, password: &str| {
                    // All are compared, so that the time tells nothing of a name.
                    let is_it = |it: &&(String, String)| (it.0 == name) & (it.1 == password);
                    known.iter().filter(is_it).count() > 0
                };
                socks.passwords(is_right).into_rc()
            }
        }
    }
}

/// How many descriptors a connection needs.
pub(crate) fn descriptors(service: Service) -> Descriptors {
    match service {
        Service::Socks5 | Service::HttpFile => Descriptors::Two,
        _ => Descriptors::One,
    }
}

fn open_root(path: &Path) -> Result<Root, Exit> {
    Root::new(path).map_err(|error| {
        let path = path.display();
        report::note(format_args!("error: cannot serve the directory {path}: {error}"));
        Exit::of_io(&error)
    })
}

impl Passwords {
    fn read(path: &Path) -> Result<Self, Exit> {
        let text = fs::read_to_string(path).map_err(|error| {
            let path = path.display();
            report::note(format_args!("error: cannot read the passwords in {path}: {error}"));
            Exit::of_io(&error)
        })?;
        Self::parse(&text).map_err(|line| not_a_password(path, line))
    }

    /// From lines of `NAME:PASSWORD`; those that are empty are left out.
    ///
    /// # Errors
    ///
    /// The number of the first line without a colon, or 0 when there is no line.
    fn parse(text: &str) -> Result<Self, usize> {
        let mut passwords = Vec::new();
        for (number, line) in (1_usize..).zip(text.lines()).filter(|(_, line)| !line.is_empty()) {
            let (name, password) = line.split_once(':').ok_or(number)?;
            passwords.push((name.into(), password.into()));
        }
        if passwords.is_empty() { Err(0) } else { Ok(Self(passwords)) }
    }
}

fn not_a_password(path: &Path, line: usize) -> Exit {
    let path = path.display();
    match line {
        0 => wrong(&format!("there is no line NAME:PASSWORD in {path}")),
        line => wrong(&format!("line {line} of {path} is not NAME:PASSWORD")),
    }
}

fn wrong(text: &str) -> Exit {
    report::note(format_args!("error: {text}"));
    Exit::Usage
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_lines_of_a_name_and_a_password_that_may_have_colons() {
        let known = Passwords::parse("a:b\n\nname:pass:word\r\n:\n").expect("they are right").0;
        let expected = [("a", "b"), ("name", "pass:word"), ("", "")];
        assert_eq!(known, expected.map(|(name, password)| (name.into(), password.into())));
        assert_eq!(Passwords::parse("a:b\n\nc\n").unwrap_err(), 3);
        assert_eq!(Passwords::parse("\n").unwrap_err(), 0);
    }
}
