//! `ropewalk`: serve, relay, pipe, probe and check any endpoint.
//!
//! ```text
//! ropewalk serve <PROTOCOL> <LISTEN>...                       one protocol on several endpoints
//! ropewalk relay <LISTEN>... <CONNECT>                        each connection joined to a new one
//! ropewalk pipe <CONNECT>                                     standard input and output joined to it
//! ropewalk probe <CONNECT> [--json]                           what a connection goes through
//! ropewalk run <FILE>                                         several of these from one file
//! ropewalk activate -l <LISTEN>... -- <PROGRAM>...            its sockets handed to a program
//! ropewalk endpoints [KIND]                                   every kind, with its arguments
//! ropewalk check [--client|--server] <ENDPOINT> [--json]      what a string means
//! ```
//!
//! Standard output has one line for each listener, `listening ADDRESS`, once all of them accept; errors
//! go to standard error. Exit codes are 0 (done, or stopped by a signal), 64 (an
//! endpoint or the usage is wrong), 69 (it cannot listen or connect), 75 (the grace was over before all
//! connections had finished), 77 (it may not listen or connect). `SIGTERM` and `SIGINT` close
//! the ports, after `--drain-delay`, and let connections finish for `--grace`; the second one ends them now.
//! `SIGHUP` reads the certificates and trusted authorities of TLS again, which are also looked at every ten
//! seconds; `SIGUSR1` tells what the command has done.
//!
//! Invariant: this file parses and dispatches, and does nothing else.
#![forbid(unsafe_code)]

mod arguments;
mod exit_code;

mod activate;
mod app;
mod commands;
mod completions;
mod connection_report;
mod dump;
mod http;
mod http_file;
mod idle_exit;
mod inherited;
mod interruptible;
mod json;
mod kinds;
mod leaving;
mod limits;
mod listening;
mod loop_check;
mod notify;
mod only_connection;
mod run_file;
mod served;
mod server;
mod status;
mod upgrade;
mod usage;
mod workers;

mod pipe;
mod probe;

mod log;
mod report;
mod warnings;

use std::process::ExitCode;

use arguments::Command;
use exit_code::Exit;
use report::Session;

fn main() -> ExitCode {
    let _reporting = Session::begin();
    match usage::read() {
        Ok(arguments) => dispatch(&arguments.command).into(),
        Err(exit) => exit.into(),
    }
}

fn dispatch(command: &Command) -> Exit {
    let exit = match command {
        Command::Serve(arguments) => commands::serve::run(arguments),
        Command::Relay(arguments) => commands::relay::run(arguments),
        Command::Pipe(arguments) => commands::pipe::run(arguments),
        Command::Check(arguments) => commands::check::run(arguments),
        Command::Probe(arguments) => commands::probe::run(arguments),
        Command::Activate(arguments) => commands::activate::run(arguments),
        Command::ActivateConnection(arguments) => commands::activate::connection(arguments),
        Command::Run(arguments) => commands::run_file::run(arguments),
        Command::Endpoints(arguments) => commands::endpoints::run(arguments),
        Command::CompleteEndpoint(arguments) => commands::complete_endpoint::run(arguments),
        Command::Completions(arguments) => commands::manual::completions(arguments.shell),
        Command::Man(arguments) => commands::manual::man(arguments),
    };
    exit.unwrap_or_else(|exit| exit)
}
