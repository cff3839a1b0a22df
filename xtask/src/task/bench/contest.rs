//! One trial, with every peer in turn: A B C, then C B A, and so on, so that a change of the machine
//! affects all peers.
//!
//! Invariant: the failure of a peer is recorded in the results, and does not end the run.

use std::collections::BTreeMap;

use serde_json::Value;

use super::alone;
use super::arguments::Effort;
use super::figure::Figure;
use super::programs::Programs;
use super::serving;
use super::spread::Spread;
use super::trial::{How, Peer, Rounds, Trial};
use crate::task::note;

/// The number of rounds for Twisted.
const TWISTED_ROUNDS: usize = 2;

/// The results of a trial.
pub(super) struct Results {
    pub(super) trial: Trial,
    /// The reports of the programs, round by round.
    pub(super) reports: BTreeMap<Peer, Vec<Value>>,
    /// The peers that were not measured, with the reasons.
    pub(super) skipped: BTreeMap<Peer, String>,
    /// The peers whose measurement failed, with the errors.
    pub(super) failed: BTreeMap<Peer, String>,
}

impl Results {
    pub(super) fn spread(&self, figure: &Figure, peer: Peer) -> Option<Spread> {
        let reports = self.reports.get(peer)?;
        let samples: Vec<f64> = reports.iter().filter_map(|report| figure.of(report)).collect();
        Spread::of(&samples)
    }

    pub(super) fn has_failed(&self) -> bool {
        !self.failed.is_empty()
    }
}

/// Measures all peers of a trial.
pub(super) fn hold(trial: Trial, programs: &Programs, effort: Effort) -> Results {
    let mut results = Results {
        reports: BTreeMap::new(),
        skipped: BTreeMap::new(),
        failed: BTreeMap::new(),
        trial,
    };
    let peers = results.trial.peers;
    for round in 0..rounds(&results.trial, effort) {
        note(&format!("\r\x1b[K{}, round {}", results.trial.id, round + 1));
        let mut order = peers.to_vec();
        if round % 2 == 1 {
            order.reverse();
        }
        // Twisted is there for the scale, and is the slowest.
        order.retain(|peer| *peer != "twisted" || round < TWISTED_ROUNDS);
        for peer in order {
            measure_one(&mut results, peer, programs, effort);
        }
    }
    note("\r\x1b[K");
    for (peer, reason) in &results.skipped {
        note(&format!("{}: {peer} is skipped: {reason}\n", results.trial.id));
    }
    for (peer, error) in &results.failed {
        note(&format!("{}: {peer} failed: {error}\n", results.trial.id));
    }
    results
}

fn measure_one(results: &mut Results, peer: Peer, programs: &Programs, effort: Effort) {
    if results.skipped.contains_key(peer) || results.failed.contains_key(peer) {
        return;
    }
    let outcome = match &results.trial.how {
        How::Served(served) => programs.server(peer).map(|words| {
            serving::under_load(served, words, programs, effort).map(|report| vec![report])
        }),
        How::Bare(bare) => programs.server(peer).map(|words| {
            serving::without_kernel(bare, words, programs, effort).map(|report| vec![report])
        }),
        How::Micro(words) => Ok(alone::micro(programs, words, peer).map(|report| vec![report])),
        How::Weighed => Ok(alone::weigh(programs, peer).map(|report| vec![report])),
        How::Deferred => alone::deferred(programs, peer, effort),
    };
    match outcome {
        Ok(Ok(reports)) => results.reports.entry(peer).or_default().extend(reports),
        Ok(Err(error)) => drop(results.failed.insert(peer, error.to_string())),
        Err(reason) => drop(results.skipped.insert(peer, reason)),
    }
}

fn rounds(trial: &Trial, effort: Effort) -> usize {
    let rounds = match &trial.how {
        How::Served(served) => served.rounds,
        How::Bare(_) | How::Micro(_) => Rounds::Few,
        How::Weighed | How::Deferred => Rounds::Once,
    };
    match (rounds, effort) {
        (Rounds::Many, Effort::Full) => 5,
        (Rounds::Few, Effort::Full) => 3,
        (Rounds::Once, Effort::Full) | (_, Effort::Quick) => 1,
    }
}
