//! The reader at the end of a chain: a task, another promise, a test that looks, or none.

use super::{At, Doing, Held, Promise, Reader, Row, Rules, Step};
use crate::script::{Event, Shown};

impl Rules<'_> {
    /// The result of a row is to fire the promise of another.
    pub(super) fn chain(&mut self, row: Row, to: Row) {
        if self.rows[row].held.is_none() || !self.rows[to].promise {
            return;
        }
        self.rows[to].promise = false;
        match self.take(row).map(|held| self.result_of(held)) {
            Some(Ok(outcome)) => self.fire(to, outcome),
            Some(Err(chain)) => {
                self.source(to).promise = Promise::Chained;
                self.chains[chain].reader = Reader::Promise(to);
            }
            None => {}
        }
    }

    pub(super) fn look(&mut self, row: Row) {
        let shown = self.rows[row].held.as_ref().map(|held| self.show(held));
        let promised = self.rows[row].promise;
        let settled = self.source(row).phase == super::Phase::Settled;
        let promise_cancelled = promised.then_some(settled);
        self.trace.push(Event::Looked { row, shown, promise_cancelled });
    }

    fn show(&self, held: &Held) -> Shown {
        let at = match *held {
            Held::Fired(outcome) => return Shown::Fired(outcome),
            Held::End(at) => at,
        };
        let chain = &self.chains[at];
        match (chain.result, chain.steps.last(), &chain.source) {
            (Some(outcome), ..) if chain.has_result() => Shown::Fired(outcome),
            (_, None, Some(source)) if source.promise == Promise::Chained => Shown::Waits,
            (_, Some(Step::Callback(..) | Step::Pair(..)), _) if self.last_step_waits(at) => {
                Shown::Waits
            }
            _ => Shown::Pending,
        }
    }

    fn last_step_waits(&self, at: At) -> bool {
        let chain = &self.chains[at];
        chain.done + 1 == chain.steps.len() && matches!(chain.doing, Doing::Waiting(_))
    }

    /// A Deferred is dropped. That cancels nothing.
    pub(super) fn drop_held(&mut self, held: Held) {
        match held {
            Held::Fired(Err(error)) => self.trace.push(Event::Unhandled(error)),
            Held::Fired(Ok(_)) => {}
            Held::End(chain) => {
                self.chains[chain].reader = Reader::Nobody;
                self.let_go(chain);
            }
        }
    }

    pub(super) fn wait_by_task(&mut self, row: Row) {
        let Some(held) = self.take(row) else { return };
        let task = self.tasks.len();
        let held = match self.result_of(held) {
            Ok(outcome) => Held::Fired(outcome),
            Err(chain) => {
                self.chains[chain].reader = Reader::Task { task, waits: false };
                Held::End(chain)
            }
        };
        self.tasks.push(Some(held));
    }

    pub(super) fn poll(&mut self, number: usize) {
        let task = number % self.tasks.len().max(1);
        let Some(held) = self.tasks.get_mut(task).and_then(Option::take) else { return };
        match self.result_of(held) {
            Ok(outcome) => self.trace.push(Event::Polled { task, outcome: Some(outcome) }),
            Err(chain) => {
                self.chains[chain].reader = Reader::Task { task, waits: true };
                self.trace.push(Event::Polled { task, outcome: None });
                self.tasks[task] = Some(Held::End(chain));
            }
        }
    }

    /// Dropping a future cancels what it waits for, and no reader asks for the outcome.
    pub(super) fn drop_task(&mut self, number: usize) {
        let task = number % self.tasks.len().max(1);
        let Some(held) = self.tasks.get_mut(task).and_then(Option::take) else { return };
        match held {
            Held::End(chain) if !self.chains[chain].has_result() => {
                self.chains[chain].reader = Reader::Dropping;
                self.cancel((chain, self.chains[chain].steps.len()), &mut Vec::new());
                self.chains[chain].take_result();
                self.chains[chain].reader = Reader::Nobody;
            }
            held => self.drop_held(held),
        }
    }
}
