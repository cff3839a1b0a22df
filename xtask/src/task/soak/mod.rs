//! `cargo xtask soak`: random sessions through a chain of three relays, and their memory.
//!
//! A client talks to a server through `tcp → tls → tcp → unix`. Invariant: the plan of a session follows
//! from its seed alone, so both of its ends know what the other one does, and a failure can be repeated.

mod chain;
mod conversation;
mod plan;
mod server;
mod session;
mod tally;
mod usage;

use std::error::Error;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use lexopt::{Arg, Parser, ValueExt as _};

pub(super) use self::chain::{Profile, build};

use self::chain::Chain;
use self::server::UnixServer;
use self::tally::Tally;
use self::usage::Watch;
use super::{misused, note, print};

const HELP: &str = "\
cargo xtask soak [--sessions N | --minutes N] [--at-once N] [--seed N]

Builds the command, starts three relays (tcp to tls, tls to tcp, tcp to unix), and talks through them:
short sessions in pieces of 1 to 17 bytes and transfers of 300 KB, with half-closes, slow readers and
resets. What arrives has to be exact at a clean end and a prefix at a reset, no session may take over
30 seconds, and the relays' descriptors return to their number. With --minutes, their memory has to grow
by less than 1 MiB in 10 minutes, after the first third of the time.
  --sessions N  how many sessions; 1000 if nothing is said
  --minutes N   for how long, instead
  --at-once N   sessions at the same time; 32 if nothing is said
  --seed N      the first session's seed; a session that failed is repeated with --sessions 1 and its seed

Exit codes: 0 all is well, 1 it is not, 64 the arguments were not understood.
";

/// The parsed arguments.
#[derive(Clone, Copy, Debug)]
struct Arguments {
    length: Length,
    at_once: usize,
    seed: u64,
}

/// When the last session begins.
#[derive(Clone, Copy, Debug)]
enum Length {
    Sessions(u64),
    Time(Duration),
}

pub(crate) fn soak(mut parser: Parser) -> Result<ExitCode, lexopt::Error> {
    let mut arguments = Arguments { length: Length::Sessions(1000), at_once: 32, seed: 1 };
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("help") | Arg::Short('h') => return print(HELP),
            Arg::Long("sessions") => arguments.length = Length::Sessions(parser.value()?.parse()?),
            Arg::Long("minutes") => {
                let minutes: u64 = parser.value()?.parse()?;
                arguments.length = Length::Time(Duration::from_secs(minutes.saturating_mul(60)));
            }
            Arg::Long("at-once") => arguments.at_once = parser.value()?.parse()?,
            Arg::Long("seed") => arguments.seed = parser.value()?.parse()?,
            other => return Ok(misused(&other.unexpected(), HELP)),
        }
    }
    match run(arguments) {
        Ok(true) => Ok(ExitCode::SUCCESS),
        Ok(false) => Ok(ExitCode::FAILURE),
        Err(error) => {
            note(&format!("cargo xtask soak: {error}\n"));
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Whether all went well.
fn run(arguments: Arguments) -> Result<bool, Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let server = UnixServer::start(&directory.path().join("server"))?;
    let chain = Chain::start(directory.path(), server.path())?;
    let address = chain.address();
    // The first connection of a relay makes what it keeps.
    let tally = Tally::default();
    tally.add(session::run(address, &server, 0));
    let mut watch = Watch::start(chain.relays())?;
    let next = AtomicU64::new(0);
    let began = Instant::now();
    let goes_on = |number| match arguments.length {
        Length::Sessions(count) => number < count,
        Length::Time(time) => began.elapsed() < time,
    };
    thread::scope(|scope| {
        let clients: Vec<_> = (0..arguments.at_once.max(1))
            .map(|_| {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if !goes_on(number) {
                            break;
                        }
                        let seed = arguments.seed.wrapping_add(number);
                        tally.add(session::run(address, &server, seed));
                    }
                })
            })
            .collect();
        while !clients.iter().all(thread::ScopedJoinHandle::is_finished) {
            thread::sleep(Duration::from_millis(200));
            if let Some(line) = watch.look(&tally) {
                note(&line);
            }
        }
    });
    let memory = match arguments.length {
        Length::Sessions(_) => Ok(()),
        Length::Time(_) => watch.verdict_on_memory(),
    };
    let verdicts = [tally.verdict(), watch.verdict_on_descriptors(), memory, chain.verdict()];
    print(&tally.summary(began.elapsed()))?;
    print(&watch.summary())?;
    let mut all_well = true;
    for problem in verdicts.into_iter().filter_map(Result::err) {
        all_well = false;
        note(&format!("{problem}\n"));
    }
    Ok(all_well)
}
