//! The traces of one run of each kind, which every build has to give again.
//!
//! A change of the reactor's calls, or of what a seed draws, changes them: `cargo xtask simulate --traces` then prints
//! those of today. Two builds of one tree that differ are a bug: an address, a hash map's order, the real clock or a
//! side effect of an assertion has a say in a run.
//! Invariant: the list has each kind once, and the runs have many lives, few lives, and both versions of TLS.

use reactor::simulation::RunToken;

use crate::campaign::simulation;
use crate::kinds::LifeKind;

/// The seeds of the runs: the first has many lives, the second breaks no connection.
const SEEDS: [u64; 3] = [8, 9, 11];

/// The traces, folded into one number for each kind.
const GOLDEN: [(LifeKind, u64); 7] = [
    (LifeKind::Plain, 0x7e8a_77bd_95b4_361c),
    (LifeKind::Tls, 0x4c27_5cb9_7fdb_68b3),
    (LifeKind::Unix, 0x5f20_12fe_6b9a_c3b6),
    (LifeKind::Datagrams, 0x30c5_c4a1_c8ed_8778),
    (LifeKind::Processes, 0x5f3a_4cd8_4acf_eeb0),
    (LifeKind::Relay, 0x2561_70c1_d6e8_5454),
    (LifeKind::Services, 0x96e0_0ceb_6c94_0503),
];

/// Runs the seeds of each kind. Returns the traces as lines of the list; they are an error where one differs.
pub(crate) fn compare() -> Result<String, String> {
    let mut lines = Vec::new();
    let mut is_same = true;
    for (kind, golden) in GOLDEN {
        let trace = trace(kind)?;
        is_same &= trace == golden;
        let [one, two, three, four] = [48, 32, 16, 0].map(|bits| trace >> bits & 0xffff);
        let trace = format!("0x{one:04x}_{two:04x}_{three:04x}_{four:04x}");
        lines.push(format!("    (LifeKind::{kind:?}, {trace}),"));
    }
    let lines = lines.join("\n");
    match is_same {
        true => Ok(format!("the traces are those of the list:\n{lines}")),
        false => {
            Err(format!("the traces of the list in golden.rs are others; today's are:\n{lines}"))
        }
    }
}

fn trace(kind: LifeKind) -> Result<u64, String> {
    let mut all: u64 = 0;
    for seed in SEEDS {
        let done = simulation(kind).run_token(&RunToken::of_seed(seed), |world| kind.begin(world));
        let clean = done.map_err(|failure| failure.to_string())?;
        all = all.rotate_left(1) ^ clean.trace;
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_lives_gives_the_trace_of_the_list_in_this_build() {
        compare().unwrap_or_else(|problem| panic!("{problem}"));
    }
}
