//! The arguments of the program.
//!
//! Invariant: what is not understood is refused by its name.

use std::num::NonZeroUsize;
use std::thread;

use lexopt::{Arg, Parser, ValueExt};
use reactor::simulation::RunToken;

use crate::kinds::LifeKind;

pub(crate) const HELP: &str = "\
cargo xtask simulate [--kind KIND]... [--lives N] [--seed N] [--threads N] [--replay TOKEN]
cargo xtask simulate --traces

Runs lives on a simulated network under seeds, with every fault, and checks that no byte is lost, doubled or
reordered, that every end is told once, and that nothing is left. A run that fails is shrunk and drawn.
  --kind KIND     plain, tls, unix, datagrams, processes, relay or services; all of them by default
  --lives N       how many lives of each kind; by default 20000, and 2000 of relay and services
  --seed N        the first seed, by default 0
  --threads N     how many threads, by default one for each core
  --traces        compares the traces of some runs of each kind with those of the list, as each build has to
  --replay TOKEN  runs the one run of this token, which a report names; needs one kind

Exit codes: 0 every run was clean and every fault was met, 1 otherwise, 64 the arguments were not understood.
";

pub(crate) struct Arguments {
    /// The kinds, and how many lives of each.
    pub(crate) kinds: Vec<(LifeKind, u64)>,
    pub(crate) seed: u64,
    pub(crate) threads: usize,
    pub(crate) replay: Option<RunToken>,
    pub(crate) compares_traces: bool,
}

impl Arguments {
    /// The parsed arguments; `None` when help is wanted.
    pub(crate) fn parse(mut parser: Parser) -> Result<Option<Self>, lexopt::Error> {
        let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let (kinds, replay, compares_traces) = (Vec::new(), None, false);
        let mut parsed = Self { kinds, seed: 0, threads, replay, compares_traces };
        let (mut kinds, mut lives) = (Vec::new(), None);
        while let Some(argument) = parser.next()? {
            match argument {
                Arg::Long("kind") => kinds.push(kind(&parser.value()?.string()?)?),
                Arg::Long("lives") => lives = Some(parser.value()?.parse()?),
                Arg::Long("seed") => parsed.seed = parser.value()?.parse()?,
                Arg::Long("threads") => {
                    parsed.threads = parser.value()?.parse::<NonZeroUsize>()?.get()
                }
                Arg::Long("replay") => parsed.replay = Some(parser.value()?.parse()?),
                Arg::Long("traces") => parsed.compares_traces = true,
                Arg::Long("help") | Arg::Short('h') => return Ok(None),
                other => return Err(other.unexpected()),
            }
        }
        if parsed.replay.is_some() && kinds.len() != 1 {
            return Err("--replay needs the one --kind that the token is of".into());
        }
        if kinds.is_empty() {
            kinds.extend(LifeKind::ALL);
        }
        let usual = |kind| match kind {
            LifeKind::Relay | LifeKind::Services => 2000,
            _ => 20_000,
        };
        parsed.kinds = kinds.into_iter().map(|kind| (kind, lives.unwrap_or(usual(kind)))).collect();
        Ok(Some(parsed))
    }
}

fn kind(name: &str) -> Result<LifeKind, lexopt::Error> {
    let found = LifeKind::ALL.into_iter().find(|kind| kind.name() == name);
    found.ok_or_else(|| format!("there is no kind {name:?}").into())
}
