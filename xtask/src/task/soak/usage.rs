//! The descriptors and the memory of the relays, over time (proc(5)).
//!
//! Invariant: the first look is made before the first counted session.

use std::fs;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use super::chain::Relay;
use super::tally::Tally;

/// How often the memory is looked at.
const EVERY: Duration = Duration::from_secs(30);

/// How long the descriptors of ended connections may stay.
const CLOSING: Duration = Duration::from_secs(30);

/// The growth that is allowed in [`PER`], in KiB.
const GROWTH_MAX_KIB: f64 = 1024.0;
const PER: Duration = Duration::from_secs(600);

pub(super) struct Watch<'a> {
    relays: &'a [Relay],
    began: Instant,
    descriptors: Vec<usize>,
    /// When it was looked, and the memory of each relay in KiB.
    memory: Vec<(Duration, Vec<u64>)>,
}

impl<'a> Watch<'a> {
    pub(super) fn start(relays: &'a [Relay]) -> io::Result<Self> {
        let began = Instant::now();
        thread::sleep(Duration::from_secs(1));
        let descriptors = relays.iter().map(descriptors_of).collect::<io::Result<_>>()?;
        let memory = relays.iter().map(memory_of).collect::<io::Result<_>>()?;
        Ok(Self { relays, began, descriptors, memory: vec![(Duration::ZERO, memory)] })
    }

    /// Looks at the memory when it is time; returns a line about it.
    pub(super) fn look(&mut self, tally: &Tally) -> Option<String> {
        let now = self.began.elapsed();
        if now < self.memory.last()?.0 + EVERY {
            return None;
        }
        let memory: Vec<u64> = self.relays.iter().map(memory_of).collect::<io::Result<_>>().ok()?;
        let line =
            format!("{:.0} s, {} sessions: {memory:?} KiB\n", now.as_secs_f64(), tally.sessions());
        self.memory.push((now, memory));
        Some(line)
    }

    /// A line for each relay.
    pub(super) fn summary(&self) -> String {
        let lines = self.relays.iter().enumerate().map(|(at, relay)| {
            let memory: Vec<u64> = self.memory.iter().map(|(_, of_each)| of_each[at]).collect();
            let shown = [memory.first(), memory.iter().max(), memory.last()];
            let [first, most, last] = shown.map(|memory| memory.copied().unwrap_or(0));
            format!("{}: {first} KiB at first, {most} at most, {last} at last\n", relay.name())
        });
        lines.collect()
    }

    /// Whether the memory grew by no more than is allowed, after the first third of the time.
    pub(super) fn verdict_on_memory(&self) -> Result<(), String> {
        let (end, last) = self.memory.last().ok_or("the memory was never looked at")?;
        let warm = self.memory.iter().find(|(time, _)| *time >= *end / 3);
        let (begin, first) = warm.ok_or("the memory was never looked at")?;
        let span = (*end - *begin).as_secs_f64();
        for (at, relay) in self.relays.iter().enumerate() {
            let growth = last[at] as f64 - first[at] as f64;
            let allowed = GROWTH_MAX_KIB * (span / PER.as_secs_f64()).max(1.0);
            if growth > allowed {
                let name = relay.name();
                return Err(format!(
                    "{name} grew by {growth} KiB in {span:.0} s; allowed are {allowed:.0}"
                ));
            }
        }
        Ok(())
    }

    /// Whether the descriptors return to their number.
    pub(super) fn verdict_on_descriptors(&self) -> Result<(), String> {
        let deadline = Instant::now() + CLOSING;
        loop {
            let now: Vec<usize> = self
                .relays
                .iter()
                .map(descriptors_of)
                .collect::<io::Result<_>>()
                .map_err(|error| format!("cannot count descriptors: {error}"))?;
            if now == self.descriptors {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(format!("descriptors: {:?} at first, {now:?} now", self.descriptors));
            }
            thread::sleep(Duration::from_millis(100));
        }
    }
}

fn descriptors_of(relay: &Relay) -> io::Result<usize> {
    Ok(fs::read_dir(format!("/proc/{}/fd", relay.id()))?.count())
}

/// The resident memory in KiB.
fn memory_of(relay: &Relay) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", relay.id()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.ok_or_else(|| io::Error::other("no VmRSS in status"))
}
