//! Runs one operation many times, and says how often it allocated meanwhile.
//!
//! `ropewalk-counts OPERATION REPEATS`; without arguments it prints the names of the operations.
//! `cargo xtask counts` runs it under callgrind with two numbers of repeats: the difference is what
//! the operation costs, without what it takes to start and to prepare.
//!
//! Invariant: what an operation does depends on nothing but the number of its repeats: no clock, no
//! chance (but in a handshake, which is prepared), no file, and nothing that the kernel may do sooner or
//! later.

mod allocations;
mod datagrams;
mod deferreds;
mod frames;
mod kernel;
mod strings;
mod tasks;
mod timers;
mod tls;
mod wire;

use std::env;
use std::io::{self, Write as _};
use std::process::ExitCode;

/// Does its work this many times.
type Operation = fn(repeats: u64);

/// Their names are the rows of `baseline.tsv`.
const OPERATIONS: &[(&str, Operation)] = &[
    ("deferred-pair", deferreds::pair),
    ("deferred-chain-10-pending", deferreds::chain_pending),
    ("deferred-chain-10-fired", deferreds::chain_fired),
    ("deferred-returned", deferreds::returned),
    ("deferred-cancelled", deferreds::cancelled),
    ("deferred-list-10", deferreds::list),
    ("lock-run", deferreds::locked),
    ("task-runner-awaits-once", deferreds::task),
    ("reactor-task-awaits-once", tasks::awaits_once),
    ("echo-64-memory", wire::echo_in_memory),
    ("echo-64-simulated", wire::echo_simulated),
    ("echo-64-kernel", kernel::echo_alone),
    ("echo-64-large-protocol", kernel::echo_alone_large),
    ("echo-64-kernel-50", kernel::echo_in_a_crowd),
    ("relay-64-kernel-2", kernel::relayed),
    ("udp-echo-64-kernel", datagrams::echo_alone),
    ("udp-echo-64-kernel-30", datagrams::echo_in_a_crowd),
    ("tls-echo-64", tls::echo_64),
    ("tls-echo-4096", tls::echo_4096),
    ("timer-cancelled", timers::cancelled),
    ("timer-fired", timers::fired),
    ("endpoint-parsed", strings::parsed),
    ("line-feeds-of-64k", frames::line_feeds),
    ("lines-of-64k", frames::lines),
    ("lines-of-64k-received", frames::lines_received),
    ("int32-strings-of-64k", frames::int32_strings),
    ("bytes-of-16k-lines", frames::bytes_of_short_lines),
    ("bytes-of-a-1m-line", frames::bytes_of_a_long_line),
    ("bytes-of-16k-netstrings", frames::bytes_of_short_netstrings),
    ("bytes-of-a-1m-netstring", frames::bytes_of_a_long_netstring),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let text = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => OPERATIONS.iter().map(|(name, _)| format!("{name}\n")).collect(),
        [name, repeats] => match (find(name), repeats.parse()) {
            (Some(operation), Ok(repeats)) => {
                format!("{}\n", allocations::of(|| operation(repeats)))
            }
            _ => return ExitCode::FAILURE,
        },
        _ => return ExitCode::FAILURE,
    };
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn find(name: &str) -> Option<Operation> {
    OPERATIONS.iter().find(|(known, _)| *known == name).map(|(_, operation)| *operation)
}
