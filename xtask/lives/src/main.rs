//! Lives of connections, datagrams, processes and services on a simulated network, for `cargo xtask simulate`.
//!
//! Invariant: every choice is drawn from the seed of its run.
#![forbid(unsafe_code)]

mod arguments;
mod campaign;
mod datagrams;
mod draws;
mod golden;
mod kinds;
mod ledger;
mod outlet;
mod plan;
mod processes;
mod relayed;
mod rig;
mod secured;
mod services;
mod talker;
#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::process::ExitCode;

use arguments::{Arguments, HELP};

fn main() -> ExitCode {
    let arguments = match Arguments::parse(lexopt::Parser::from_env()) {
        Ok(Some(arguments)) => arguments,
        Ok(None) => return say(HELP, ExitCode::SUCCESS),
        Err(error) => return say(&format!("{error}\n\n{HELP}"), ExitCode::from(64)),
    };
    if arguments.compares_traces {
        return match golden::compare() {
            Ok(text) => say(&text, ExitCode::SUCCESS),
            Err(text) => say(&text, ExitCode::FAILURE),
        };
    }
    let mut code = ExitCode::SUCCESS;
    for (kind, lives) in &arguments.kinds {
        let told = match &arguments.replay {
            Some(token) => campaign::replay(*kind, token),
            None => campaign::run(*kind, arguments.seed, *lives, arguments.threads),
        };
        code = match told {
            Ok(text) => say(&text, code),
            Err(text) => say(&text, ExitCode::FAILURE),
        };
    }
    code
}

/// Prints a text; a reader that is gone changes nothing.
fn say(text: &str, code: ExitCode) -> ExitCode {
    let _ = writeln!(io::stdout(), "{}", text.trim_end());
    code
}
