//! How a result goes from step to step.

use super::{At, Chain, Doing, Held, Phase, Promise, Reader, Row, Rules, Source, Step};
use crate::script::{Error, Event, Outcome};

impl Chain {
    pub(super) fn new(source: Option<Source>) -> Chain {
        let (doing, reader) = (Doing::Nothing, Reader::Held);
        Chain { source, steps: vec![], done: 0, result: None, doing, reader }
    }

    /// Whether all steps are done and the result is there.
    pub(super) fn has_result(&self) -> bool {
        self.done == self.steps.len() && self.result.is_some()
    }

    pub(super) fn take_result(&mut self) -> Option<Outcome> {
        if self.has_result() { self.result.take() } else { None }
    }
}

impl Rules<'_> {
    /// The promise of a row is fired. After a cancellation that is swallowed.
    pub(super) fn fire(&mut self, row: Row, outcome: Outcome) {
        let source = self.source(row);
        source.promise = Promise::Gone;
        match source.phase {
            Phase::Settled => self.let_go(row),
            Phase::Pending | Phase::Cancelling | Phase::Abandoned => self.settle(row, outcome),
        }
    }

    /// The source of a row has its result. The canceller is dropped before any callback runs.
    pub(super) fn settle(&mut self, row: Row, outcome: Outcome) {
        self.source(row).phase = Phase::Settled;
        self.arrive(row, outcome);
        self.drop_canceller(row);
        self.go_on(row);
    }

    pub(super) fn drop_canceller(&mut self, row: Row) {
        if std::mem::take(&mut self.source(row).canceller) {
            self.trace.push(Event::CancellerGone { row });
        }
    }

    /// A result is there, at the start or behind a step. A task that waits at the end is woken.
    pub(super) fn arrive(&mut self, at: At, outcome: Outcome) {
        let chain = &mut self.chains[at];
        chain.doing = Doing::Nothing;
        chain.result = Some(outcome);
        if chain.has_result()
            && let Reader::Task { task, waits: true } = chain.reader
        {
            chain.reader = Reader::Task { task, waits: false };
            self.trace.push(Event::Woken { task });
        }
    }

    /// Does one step after the other while there is a result, and gives it away at the end.
    pub(super) fn go_on(&mut self, at: At) {
        let chain = &mut self.chains[at];
        if chain.doing != Doing::Nothing || chain.result.is_none() {
            return;
        }
        let Some(step) = chain.steps.get(chain.done).cloned() else { return self.deliver(at) };
        let outcome = chain.result.take().expect("it was there");
        if let Step::Gate(gate) = step {
            if self.gates[gate].pauses > 0 {
                self.chains[at].doing = Doing::Holding(outcome);
                return;
            }
            return self.step_done(at, outcome);
        }
        chain.doing = Doing::Running;
        match self.do_step(&step, outcome) {
            Held::Fired(outcome) => self.step_done(at, outcome),
            Held::End(inner) => self.wait_for(at, inner),
        }
    }

    fn step_done(&mut self, at: At, outcome: Outcome) {
        self.chains[at].done += 1;
        self.arrive(at, outcome);
        self.go_on(at);
    }

    /// A callback has returned another Deferred.
    fn wait_for(&mut self, at: At, inner: At) {
        if let Some(outcome) = self.chains[inner].take_result() {
            self.chains[inner].reader = Reader::Nobody;
            return self.step_done(at, outcome);
        }
        if inner == at && self.chains[at].steps.len() == self.chains[at].done + 1 {
            // It has returned its own Deferred, and would wait for itself.
            self.chains[at].reader = Reader::Nobody;
            return self.step_done(at, Err(Error::Cancelled));
        }
        self.chains[at].doing = Doing::Waiting(inner);
        self.chains[inner].reader = Reader::Chain(at);
    }

    /// The result is at the end of the chain.
    fn deliver(&mut self, at: At) {
        match self.chains[at].reader {
            Reader::Held | Reader::Dropping | Reader::Task { .. } => {}
            Reader::Nobody => self.let_go(at),
            Reader::Chain(outer) => {
                let outcome = self.given_away(at);
                self.step_done(outer, outcome);
            }
            Reader::Promise(row) => {
                let outcome = self.given_away(at);
                self.fire(row, outcome);
            }
        }
    }

    fn given_away(&mut self, at: At) -> Outcome {
        self.chains[at].reader = Reader::Nobody;
        self.chains[at].take_result().expect("it is at the end")
    }

    /// An error at the end of a chain is reported when its last holder drops it.
    pub(super) fn let_go(&mut self, at: At) {
        let chain = &self.chains[at];
        if chain.reader != Reader::Nobody || !chain.has_result() || self.is_kept(at) {
            return;
        }
        if let Some(Err(error)) = self.chains[at].take_result() {
            self.trace.push(Event::Unhandled(error));
        }
    }

    /// Whether a holder has the place of the result, though not the Deferred: the promise of
    /// a Deferred that was cancelled, or the handle of a gate.
    fn is_kept(&self, at: At) -> bool {
        let chain = &self.chains[at];
        match (chain.steps.last(), &chain.source) {
            (Some(Step::Gate(gate)), _) => self.gates[*gate].is_kept(),
            (Some(_), _) | (None, None) => false,
            (None, Some(source)) => source.promise != Promise::Gone || source.calls > 0,
        }
    }

    /// The source of the chain that starts at a row.
    pub(super) fn source(&mut self, row: Row) -> &mut Source {
        self.chains[row].source.as_mut().expect("the chain of a row starts with a promise")
    }
}
