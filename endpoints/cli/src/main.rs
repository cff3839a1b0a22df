//! `ropewalk`: serve, relay, pipe, probe and check any endpoint.
//!
//! ```text
//! ropewalk serve <PROTOCOL> <LISTEN>...                       one protocol on several endpoints
//! ropewalk relay <LISTEN>... <CONNECT>                        each connection joined to a new one
//! ropewalk pipe <CONNECT>                                     standard input and output joined to it
//! ropewalk probe <CONNECT> [--json]                           what a connection goes through
//! ropewalk check [--client|--server] <ENDPOINT> [--json]      what a string means
//! ```
//!
//! Standard output has one line for each listener, `listening ADDRESS`, once all of them accept; errors
//! go to standard error. Exit codes are 0 (done, or stopped by a signal), 64 (an
//! endpoint or the usage is wrong), 69 (it cannot listen or connect), 75 (the grace was over before all
//! connections had finished), 77 (it may not listen or connect). `SIGTERM` and `SIGINT` close
//! the ports, after `--drain-delay`, and let connections finish for `--grace`; the second one ends them now.
//! `SIGHUP` reads the certificates of TLS servers again, which are also looked at every ten seconds; `SIGUSR1`
//! tells what the command has done.
//!
//! Invariant: this file parses and dispatches, and does nothing else.
#![forbid(unsafe_code)]

mod arguments;
mod exit_code;

mod app;
mod commands;
mod connection_report;
mod dump;
mod http;
mod http_file;
mod idle_exit;
mod inherited;
mod interruptible;
mod json;
mod leaving;
mod limits;
mod listening;
mod loop_check;
mod notify;
mod served;
mod server;
mod status;
mod workers;

mod pipe;
mod probe;

mod log;
mod report;
mod warnings;

use std::process::ExitCode;

use clap::Parser as _;

use arguments::{Arguments, Command};
use exit_code::Exit;
use report::Session;

fn main() -> ExitCode {
    let _reporting = Session::begin();
    match Arguments::try_parse() {
        Ok(arguments) => dispatch(&arguments.command).into(),
        // It quotes what was typed, or what a script passed on.
        Err(error) if error.use_stderr() => {
            report::usage(&error.render().to_string());
            Exit::Usage.into()
        }
        Err(help) => {
            // An output that is closed has no reader to tell.
            let _ = help.print();
            Exit::Done.into()
        }
    }
}

fn dispatch(command: &Command) -> Exit {
    let exit = match command {
        Command::Serve(arguments) => commands::serve::run(arguments),
        Command::Relay(arguments) => commands::relay::run(arguments),
        Command::Pipe(arguments) => commands::pipe::run(arguments),
        Command::Check(arguments) => commands::check::run(arguments),
        Command::Probe(arguments) => commands::probe::run(arguments),
        Command::Completions(arguments) => commands::manual::completions(arguments.shell),
        Command::Man(arguments) => commands::manual::man(arguments),
    };
    exit.unwrap_or_else(|exit| exit)
}
