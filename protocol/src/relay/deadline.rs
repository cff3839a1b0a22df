//! The end of a pair that is silent for too long.
//!
//! First both sides get what is queued for them and a reset. A side that does not take it is aborted
//! when the same silence has passed once more. Invariant: no timer is pending when both sides are lost.

use alloc::rc::Rc;
use core::time::Duration;

use interfaces::Deadline;

use super::end::{EndStage, RelayEnd};
use super::event::RelayEvent;
use super::pair::RelayPair;

/// How far the pair is on its way to an end by silence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Patience {
    /// It may go on.
    #[default]
    Has,
    /// It is being ended, because silence has lasted for this limit.
    Lost(Deadline, Duration),
}

impl RelayPair {
    /// The stage of a side has changed: another limit holds from now on. While the outgoing connection
    /// is being made, none does: that has a limit of its own.
    pub(super) fn watch(self: &Rc<Self>) {
        let is_watched = match (self.accepted.stage(), self.connected.stage()) {
            (_, EndStage::Waiting) | (EndStage::Lost, EndStage::Lost) => false,
            (_, EndStage::Open | EndStage::ReadEnded | EndStage::Lost) => true,
        };
        let limit = self.limit();
        let may_time_out = limit.is_some() || self.context.options().half_closed.is_some();
        if !is_watched || !may_time_out {
            return self.silence.stop();
        }
        self.watched.set(limit.map(|(deadline, _)| deadline));
        self.silence.watch(limit.map_or(Duration::MAX, |(_, limit)| limit), self.look());
    }

    /// The limit that holds in the present stages: the one that has passed, if one has.
    fn limit(&self) -> Option<(Deadline, Duration)> {
        if let Patience::Lost(deadline, limit) = self.patience.get() {
            return Some((deadline, limit));
        }
        let options = self.context.options();
        let open = [&self.accepted, &self.connected].map(RelayEnd::is_open);
        match open {
            [true, true] => options.idle.map(|limit| (Deadline::Idle, limit)),
            _ => options.half_closed.map(|limit| (Deadline::HalfClosed, limit)),
        }
    }

    fn look(self: &Rc<Self>) -> impl FnOnce() + 'static {
        let pair = Rc::downgrade(self);
        move || {
            if let Some(pair) = pair.upgrade() {
                let deadline = pair.limit().map(|(deadline, _)| deadline);
                if deadline != pair.watched.get() {
                    pair.watch();
                } else if pair.silence.is_over(|| pair.undelivered()) {
                    pair.lose_patience();
                } else {
                    pair.silence.look_again(pair.look());
                }
            }
        }
    }

    /// Of both sides.
    fn undelivered(&self) -> usize {
        let ends = [&self.accepted, &self.connected].into_iter();
        ends.filter_map(|end| end.transport()).map(|it| it.undelivered_bytes()).sum()
    }

    fn lose_patience(self: &Rc<Self>) {
        let Some((deadline, limit)) = self.limit() else { return };
        match self.patience.replace(Patience::Lost(deadline, limit)) {
            Patience::Has => {
                if self.first_trouble() {
                    self.context.tell(&RelayEvent::TimedOut { peer: &self.peer, deadline });
                }
                self.accepted.lose_with_reset();
                self.connected.lose_with_reset();
                self.watch();
            }
            Patience::Lost(..) => {
                self.accepted.abort();
                self.connected.abort();
            }
        }
    }
}
