//! The kinds of lives, and the faults that each meets.
//!
//! Invariant: a kind of fault that is missing here is one that lives of that kind cannot meet.

use std::cell::RefCell;
use std::rc::Rc;

use reactor::Limits;
use reactor::simulated::{Chance, ChoiceKind, Faults};
use reactor::simulation::SimulatedWorld;

use crate::ledger::Summary;
use crate::plan::Manners;
use crate::rig::{Route, Setting};
use crate::{datagrams, processes, services};

/// A kind of lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LifeKind {
    Plain,
    Tls,
    Unix,
    Datagrams,
    Processes,
    Relay,
    Services,
}

impl LifeKind {
    pub(crate) const ALL: [Self; 7] = [
        Self::Plain,
        Self::Tls,
        Self::Unix,
        Self::Datagrams,
        Self::Processes,
        Self::Relay,
        Self::Services,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Tls => "tls",
            Self::Unix => "unix",
            Self::Datagrams => "datagrams",
            Self::Processes => "processes",
            Self::Relay => "relay",
            Self::Services => "services",
        }
    }

    /// Under one seed in four nothing breaks a connection, so that each end has to be a clean one.
    fn setting(self, seed: u64) -> Option<Setting> {
        let (route, lives) = match self {
            Self::Plain => (Route::Direct, of(seed, 60)),
            // The certificates and sessions of a run cost more than its lives.
            Self::Tls => (Route::Secured, if seed.is_multiple_of(8) { 4 } else { 60 }),
            Self::Unix => (Route::Unix, of(seed, 60)),
            Self::Relay => (Route::Relayed, of(seed, 30)),
            Self::Datagrams | Self::Processes | Self::Services => return None,
        };
        let manners = if seed % 4 == 1 { Manners::Civil } else { Manners::Rough };
        let faults = if manners == Manners::Civil { Faults::harmless() } else { faults() };
        Some(Setting { route, lives, faults, manners })
    }

    /// The limits of the reactor of a run.
    pub(crate) fn limits(self, seed: u64) -> Limits {
        self.setting(seed).map_or_else(Limits::default, |setting| setting.limits(seed))
    }

    /// Sets up the lives of a run.
    pub(crate) fn begin(self, world: &SimulatedWorld) {
        if let Some(setting) = self.setting(world.seed()) {
            return setting.begin(world, &Rc::new(RefCell::new(Summary::default())));
        }
        world.network().set_faults(faults());
        match self {
            Self::Datagrams => datagrams::begin(world, of(world.seed(), 40)),
            Self::Processes => processes::begin(world, of(world.seed(), 20)),
            _ => services::begin(world, 4, &faults()),
        }
    }

    /// The faults that its lives meet.
    pub(crate) fn faults(self) -> Vec<ChoiceKind> {
        use ChoiceKind::{
            AbortedAccept, ChildDeath, DoubledDatagram, FailedReserve, LostDatagram,
            NoSegmentation, OvertakenDatagram, Reset, ResetOvertakes, Stall, TimedOut,
        };
        use ChoiceKind::{AcceptError, AcceptWouldBlock, BrokenPipe, NoDescriptor, ShortWrite};
        let of_datagrams = [LostDatagram, DoubledDatagram, OvertakenDatagram, NoSegmentation];
        let of_tcp = [Reset, TimedOut, Stall];
        let of_streams = [AbortedAccept, FailedReserve, ResetOvertakes, AcceptError, NoDescriptor];
        let all = ChoiceKind::ALL.iter().copied().filter(|kind| kind.is_fault());
        all.filter(|kind| {
            let is_of_tcp = of_tcp.contains(kind);
            let is_of_streams = of_streams.contains(kind) || *kind == AcceptWouldBlock;
            match self {
                // A write of theirs that finds a broken pipe is too rare to be asked for.
                Self::Services | Self::Processes if *kind == BrokenPipe => false,
                Self::Datagrams => {
                    let not = [ShortWrite, BrokenPipe, ChildDeath].contains(kind);
                    !is_of_tcp && !is_of_streams && !not
                }
                Self::Processes => !is_of_tcp && !is_of_streams && !of_datagrams.contains(kind),
                Self::Unix => {
                    !is_of_tcp
                        && !of_datagrams.contains(kind)
                        && ![ChildDeath, ResetOvertakes].contains(kind)
                }
                _ => !of_datagrams.contains(kind) && *kind != ChildDeath,
            }
        })
        .collect()
    }
}

/// How many lives a run has: this many under one seed in eight, and otherwise so few that a failure is small.
fn of(seed: u64, many: usize) -> usize {
    if seed.is_multiple_of(8) { many } else { 4 }
}

/// Faults of which each is met often enough to be counted.
fn faults() -> Faults {
    Faults {
        no_descriptor: Chance::per_mille(30),
        accept_error: Chance::per_mille(30),
        failed_reserve: Chance::per_mille(500),
        aborted_accept: Chance::per_mille(30),
        child_death: Chance::per_mille(30),
        no_segmentation: Chance::per_mille(250),
        ..Faults::default()
    }
}
