//! The canceller that a cancellation asks, and promises that are dropped.

use super::{At, Doing, NOWHERE, Phase, Place, Promise, Reader, Row, Rules};
use crate::script::{CancellerEnd, CancellerKind, Error, Event, Op};

impl Rules<'_> {
    /// Cancels what a place of a chain waits for: the innermost.
    pub(super) fn cancel(&mut self, place: Place, seen: &mut Vec<At>) {
        let (at, behind) = place;
        if place == NOWHERE || seen.contains(&at) {
            return;
        }
        seen.push(at);
        let chain = &self.chains[at];
        let came_by = chain.result.is_some() || chain.doing != Doing::Nothing;
        if chain.done > behind || (chain.done == behind && came_by) {
            return; // The result is there, or was.
        }
        match chain.doing {
            // From inside the callback, or the result is there and is held.
            Doing::Running | Doing::Holding(_) => {}
            Doing::Waiting(inner) => self.cancel((inner, self.chains[inner].steps.len()), seen),
            Doing::Nothing if chain.done == 0 && chain.source.is_some() => self.cancel_source(at),
            Doing::Nothing => {}
        }
    }

    fn cancel_source(&mut self, row: Row) {
        if self.source(row).phase != Phase::Pending {
            return;
        }
        self.source(row).phase = Phase::Cancelling;
        let canceller = self.script.cancellers[row].clone();
        if canceller.kind == CancellerKind::None {
            return self.settle(row, Err(Error::Cancelled));
        }
        self.source(row).calls += 1;
        self.source(row).canceller = false;
        self.trace.push(Event::Cancelling { row });
        self.ops(&canceller.ops);
        let mut answer = None;
        match canceller.then {
            CancellerEnd::Nothing => {}
            CancellerEnd::Answer(outcome) => answer = Some(outcome),
            CancellerEnd::Fire(outcome) => self.op(&Op::Fire { row, outcome }),
            CancellerEnd::Drop => self.op(&Op::DropPromise { row }),
        }
        if canceller.kind == CancellerKind::Stop {
            self.trace.push(Event::CancellerGone { row });
            self.source(row).calls -= 1;
            return self.stopped(row, answer);
        }
        self.asked(row);
    }

    /// The work was stopped: what the canceller says counts, unless the promise was fired.
    fn stopped(&mut self, row: Row, answer: Option<crate::script::Outcome>) {
        if self.source(row).phase != Phase::Settled {
            return self.settle(row, answer.unwrap_or(Err(Error::Cancelled)));
        }
        if let Some(Err(error)) = answer {
            self.trace.push(Event::Unhandled(error));
        }
        self.let_go(row);
    }

    /// The work was asked to stop, and the promise will fire.
    fn asked(&mut self, row: Row) {
        self.source(row).calls -= 1;
        match self.source(row).phase {
            Phase::Pending | Phase::Cancelling => {
                self.source(row).phase = Phase::Pending;
                self.source(row).canceller = true;
            }
            Phase::Abandoned => {
                self.source(row).phase = Phase::Settled;
                self.arrive(row, Err(Error::Cancelled));
                self.let_go(row);
                self.trace.push(Event::CancellerGone { row });
                self.go_on(row);
            }
            Phase::Settled => {
                self.trace.push(Event::CancellerGone { row });
                self.let_go(row);
            }
        }
    }

    /// A promise was dropped unfired: who waits for it is cancelled, and the hook is told.
    pub(super) fn abandon(&mut self, row: Row) {
        self.source(row).promise = Promise::Gone;
        match self.source(row).phase {
            Phase::Pending => {}
            // A canceller often drops the promise with the work: that is nothing to tell.
            Phase::Cancelling => {
                self.source(row).phase = Phase::Abandoned;
                return;
            }
            Phase::Abandoned | Phase::Settled => return self.let_go(row),
        }
        let chain = &self.chains[row];
        if chain.steps.is_empty() && chain.reader == Reader::Nobody {
            self.source(row).phase = Phase::Settled;
            return self.drop_canceller(row);
        }
        self.trace.push(Event::PromiseDropped);
        self.settle(row, Err(Error::Cancelled));
    }
}
