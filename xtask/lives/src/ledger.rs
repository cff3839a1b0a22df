//! What each end of each life did and saw, and the rules that it is checked against.
//!
//! Invariant: an end is entered once, by its `connection_made`.

use std::collections::BTreeMap;

use interfaces::Reason;
use tls::TlsError;

use crate::rig::Route;

pub(crate) const CLIENT: usize = 0;
pub(crate) const SERVER: usize = 1;

/// One end.
#[derive(Clone, Debug, Default)]
pub(crate) struct End {
    pub(crate) made: usize,
    pub(crate) lost: usize,
    /// Bytes given to `write` while the connection was open for them.
    pub(crate) promised: usize,
    /// Bytes received, each of which was the right one.
    pub(crate) received: usize,
    /// Bytes that a relay between the ends received from this one.
    pub(crate) relayed: usize,
    pub(crate) half_closeable: bool,
    /// It called `lose_connection`.
    pub(crate) lost_by_us: bool,
    /// It called `lose_write_connection`.
    pub(crate) half_closed: bool,
    /// It called `abort_connection`, or panicked.
    pub(crate) broke_it: bool,
    /// It called `lose_connection_with_reset`.
    pub(crate) reset_it: bool,
    /// `read_connection_lost` was called.
    pub(crate) heard_end: bool,
    pub(crate) reason: Option<Reason>,
}

/// All lives of a run: by their number, client first.
#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) lives: BTreeMap<u64, [End; 2]>,
}

/// How many lives did what, to know that a run was worth something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) complete_directions: usize,
    pub(crate) complete_bytes: usize,
    pub(crate) clean_ends: usize,
    pub(crate) broken_ends: usize,
    /// Ends that got all that was written before a reset.
    pub(crate) resets: usize,
    /// Ends that a relay broke behind what it gave them.
    pub(crate) broken_behind_relay: usize,
    pub(crate) lives: usize,
}

impl Summary {
    pub(crate) fn add(&mut self, other: &Self) {
        self.complete_directions += other.complete_directions;
        self.complete_bytes += other.complete_bytes;
        self.clean_ends += other.clean_ends;
        self.broken_ends += other.broken_ends;
        self.resets += other.resets;
        self.broken_behind_relay += other.broken_behind_relay;
        self.lives += other.lives;
    }
}

impl End {
    /// Whether it read to the peer's end of file.
    fn saw_end_of_file(&self) -> bool {
        let is_done = self.reason.as_ref().is_some_and(Reason::is_clean);
        self.heard_end || (is_done && !self.lost_by_us && !self.half_closeable)
    }
}

impl End {
    /// Whether it ended without a session of the peer's: in the handshake, or right behind it, as one side
    /// is done with it before the other.
    fn met_no_session(&self) -> bool {
        match &self.reason {
            Some(Reason::Truncated) => self.received == 0,
            Some(Reason::Tls(failure)) => {
                failure.downcast_ref::<TlsError>().is_some_and(TlsError::is_in_handshake)
            }
            _ => false,
        }
    }
}

impl Ledger {
    pub(crate) fn end(&mut self, life: u64, side: usize) -> &mut End {
        &mut self.lives.entry(life).or_default()[side]
    }

    /// Checks a run without broken connections: each end is a clean one, and an end that did not close
    /// has read to the end of file.
    /// Over TLS one that closes with nothing to send needs no handshake, which its peer's then fails.
    pub(crate) fn check_civil(&self, seed: u64, route: Route) {
        for (&life, ends) in &self.lives {
            for (receiver, end) in ends.iter().enumerate() {
                let sender = &ends[1 - receiver];
                if route == Route::Secured && sender.lost_by_us && end.met_no_session() {
                    assert_eq!((sender.promised, end.received), (0, 0), "seed {seed}: {ends:#?}");
                    continue;
                }
                let context = || format!("seed {seed}, life {life:#x}, end {receiver}: {ends:#?}");
                let is_clean = end.reason.as_ref().is_some_and(Reason::is_clean);
                assert!(is_clean && end.made == 1, "{}", context());
                assert!(end.saw_end_of_file() || end.lost_by_us, "{}", context());
            }
        }
    }

    /// Checks a run through relays whose network resets nothing by itself: an end that did not end the
    /// connection has got every byte that the relay had from the other end, also when it was broken.
    /// Returns how many ends were broken and had got some.
    pub(crate) fn check_relayed(&self, seed: u64) -> usize {
        let mut broken = 0;
        for (&life, ends) in &self.lives {
            for (receiver, end) in ends.iter().enumerate() {
                let sender = &ends[1 - receiver];
                if end.made == 0 || end.lost_by_us || end.broke_it {
                    continue;
                }
                let context =
                    || format!("seed {seed}, life {life:#x}, receiver {receiver}: {ends:#?}");
                assert_eq!(end.received, sender.relayed, "{}", context());
                let is_clean = end.reason.as_ref().is_some_and(Reason::is_clean);
                broken += usize::from(!is_clean && end.received > 0);
            }
        }
        broken
    }

    /// Checks everything; `is_unix(life)` tells the lives whose abort looks like an end of file. Where a
    /// relay gives the end of a TCP connection to a UNIX socket, any break of the sender's does.
    pub(crate) fn check(
        &self,
        seed: u64,
        route: Route,
        has_resets: bool,
        is_unix: impl Fn(u64) -> bool,
    ) -> Summary {
        let mut summary = Summary::default();
        // Over TLS an end without `close_notify` is no end of file, whatever the wire.
        let is_unix = |life| route != Route::Secured && is_unix(life);
        for (&life, ends) in &self.lives {
            for (receiver, end) in ends.iter().enumerate() {
                let sender = &ends[1 - receiver];
                let context =
                    || format!("seed {seed}, life {life:#x}, receiver {receiver}: {ends:#?}");
                assert_eq!(end.lost, end.made, "connection_lost once: {}", context());
                assert!(end.made <= 1, "{}", context());
                assert!(end.received <= sender.promised, "nothing is made up: {}", context());
                let is_clean = end.reason.as_ref().is_some_and(Reason::is_clean);
                summary.clean_ends += usize::from(is_clean);
                summary.broken_ends += usize::from(end.made == 1 && !is_clean);
                // A protocol that cannot be half closed ends with the peer, in order: with the peer's end of file and
                // all sent, the connection is over before the protocol hears of it, as `connectionLost` is called at
                // once in Twisted, and TCP has no reset behind both ends (RFC 9293, section 3.10.7.4). A reset asked
                // for then comes too late, and the protocol is told of a clean end; any other is told as its abort.
                let told_in_order = sender.reason.as_ref().is_some_and(Reason::is_clean);
                let has_ended = end.half_closed && !sender.half_closeable && told_in_order;
                let hears_reset = sender.reset_it && !is_unix(life) && !has_ended;
                assert!(!(hears_reset && end.saw_end_of_file()), "a clean end: {}", context());
                summary.resets += usize::from(hears_reset && end.received == sender.promised);
                let sender_broke = match route {
                    Route::Direct | Route::Secured | Route::Unix => sender.broke_it,
                    Route::Relayed => {
                        // Bytes under way to the relay are lost with a reset behind a clean end.
                        let is_reset_behind = has_resets && sender.relayed < sender.promised;
                        let is_clean = sender.reason.as_ref().is_some_and(Reason::is_clean);
                        sender.broke_it || !is_clean || is_reset_behind
                    }
                };
                // The network may break the sender's connection behind its close; a UNIX socket then hears an end
                // of file from the relay, after all that the relay had.
                let is_cut_before_relay = route == Route::Relayed
                    && end.received == sender.relayed
                    && sender.relayed < sender.promised;
                let is_cut = ((sender_broke || is_cut_before_relay) && is_unix(life))
                    // A protocol that cannot be half closed ends with the peer, and what it still
                    // writes is dropped.
                    || (end.half_closed && !sender.half_closeable);
                if end.saw_end_of_file() && !is_cut {
                    assert_eq!(end.received, sender.promised, "nothing is lost: {}", context());
                    summary.complete_directions += 1;
                    summary.complete_bytes += end.received;
                }
            }
        }
        summary
    }
}
