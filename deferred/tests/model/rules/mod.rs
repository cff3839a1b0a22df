//! The rules of Deferreds, written down as plainly as they can be: what a script should show.
//!
//! Nothing is shared with the crate. There are no nodes that own each other, and no loops that walk
//! them; a chain is a list of steps with a mark how far it has come, and everything is recursion.
//! Invariant: a chain is at one place, and one thing is done there or waited for.

use std::rc::Rc;

use crate::script::{Body, CancellerKind, Event, FUEL, Op, Outcome, Rails, Row, Script, Then};

/// What a script should show.
pub(crate) fn run(script: &Script, ends: usize) -> Vec<Event> {
    let mut rules = Rules::new(script);
    rules.ops(&script.ops);
    rules.end(ends);
    rules.trace
}

/// The number of a chain.
type At = usize;

/// A place of a chain: the number of steps before it.
type Place = (At, usize);

struct Rules<'a> {
    script: &'a Script,
    trace: Vec<Event>,
    rows: Vec<Entry>,
    chains: Vec<Chain>,
    handles: Vec<Place>,
    gates: Vec<Gate>,
    tasks: Vec<Option<Held>>,
    fuel: u32,
}

/// What a row of the script has.
struct Entry {
    held: Option<Held>,
    promise: bool,
    last: Option<Place>,
}

/// A Deferred with a holder.
enum Held {
    Fired(Outcome),
    /// The end of that chain.
    End(At),
}

/// A promise, if the chain began with one, and what is to be done with its result.
struct Chain {
    source: Option<Source>,
    steps: Vec<Step>,
    /// How many of the steps are done.
    done: usize,
    /// The result that those have come to, until it is taken.
    result: Option<Outcome>,
    doing: Doing,
    reader: Reader,
}

struct Source {
    phase: Phase,
    /// The canceller is there, and is not being called.
    canceller: bool,
    promise: Promise,
    /// How many calls of the canceller are not over.
    calls: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Pending,
    Cancelling,
    /// Being cancelled, and the promise was dropped.
    Abandoned,
    Settled,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Promise {
    Held,
    /// Another chain fires it.
    Chained,
    Gone,
}

#[derive(Clone)]
enum Step {
    Callback(Rails, Rc<Body>),
    Pair(Rc<Body>, Rc<Body>),
    Log,
    Gate(usize),
}

/// The action at the step that a chain has reached.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Doing {
    Nothing,
    Running,
    Waiting(At),
    Holding(Outcome),
}

/// Who gets the result at the end of a chain.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reader {
    /// The test holds the Deferred.
    Held,
    Nobody,
    /// A future that is being dropped.
    Dropping,
    Chain(At),
    Promise(At),
    Task {
        task: usize,
        waits: bool,
    },
}

struct Gate {
    chain: At,
    step: usize,
    pauses: u32,
    handle: Handle,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Handle {
    Held,
    InUse,
    Gone,
}

impl<'a> Rules<'a> {
    fn new(script: &'a Script) -> Self {
        let (mut rows, mut chains) = (Vec::new(), Vec::new());
        for (row, canceller) in script.cancellers.iter().enumerate() {
            rows.push(Entry { held: Some(Held::End(row)), promise: true, last: None });
            let canceller = canceller.kind != CancellerKind::None;
            let (phase, promise) = (Phase::Pending, Promise::Held);
            chains.push(Chain::new(Some(Source { phase, canceller, promise, calls: 0 })));
        }
        let (handles, gates, tasks) = (vec![], vec![], vec![]);
        Rules { script, trace: vec![], rows, chains, handles, gates, tasks, fuel: FUEL }
    }

    fn ops(&mut self, ops: &[Op]) {
        for op in ops {
            if self.fuel > 0 {
                self.fuel -= 1;
                self.op(op);
            }
        }
    }

    fn op(&mut self, op: &Op) {
        match *op {
            Op::Add { row, rails, ref body } => self.add(row, Step::Callback(rails, body.clone())),
            Op::Pair { row, ref callback, ref errback } => {
                self.add(row, Step::Pair(callback.clone(), errback.clone()));
            }
            Op::Log { row } => self.add(row, Step::Log),
            Op::Fire { row, outcome } => {
                if std::mem::take(&mut self.rows[row].promise) {
                    self.fire(row, outcome);
                }
            }
            Op::DropPromise { row } => {
                if std::mem::take(&mut self.rows[row].promise) {
                    self.abandon(row);
                }
            }
            Op::Chain { row, to } => self.chain(row, to),
            Op::Cancel { row } => {
                if let Some(place) = self.handle(row) {
                    self.cancel(place, &mut Vec::new());
                }
            }
            Op::TakeHandle { row } => {
                // A handle of what was fired from the start does nothing: there is no such place.
                let given = self.rows[row].held.is_some() || self.rows[row].last.is_some();
                let place = self.handle(row).unwrap_or(NOWHERE);
                self.handles.extend(given.then_some(place));
            }
            Op::CancelBy { handle } => {
                if let Some(&place) = self.handles.get(handle % self.handles.len().max(1)) {
                    self.cancel(place, &mut Vec::new());
                }
            }
            Op::Look { row } => self.look(row),
            Op::Drop { row } => {
                if let Some(held) = self.take(row) {
                    self.rows[row].last = None;
                    self.drop_held(held);
                }
            }
            Op::Gate { row } => self.add_gate(row),
            Op::Pause { gate } => self.with_gate(gate, Self::pause),
            Op::Unpause { gate } => self.with_gate(gate, Self::unpause),
            Op::DropGate { gate } => self.drop_gate(gate),
            Op::Await { row } => self.wait_by_task(row),
            Op::Poll { task } => self.poll(task),
            Op::DropTask { task } => self.drop_task(task),
            Op::Freeze { .. } | Op::Thaw { .. } => unreachable!("words of the other dialect"),
        }
    }

    fn end(&mut self, ends: usize) {
        let rows = self.rows.len();
        for _ in 0..ends {
            (0..self.tasks.len()).for_each(|task| self.op(&Op::DropTask { task }));
            (0..rows).for_each(|row| self.op(&Op::Drop { row }));
            (0..rows).for_each(|row| self.op(&Op::DropPromise { row }));
            (0..self.gates.len()).for_each(|gate| self.op(&Op::DropGate { gate }));
        }
    }

    /// Takes what a row holds; a handle of it stays.
    fn take(&mut self, row: Row) -> Option<Held> {
        let held = self.rows[row].held.take()?;
        self.rows[row].last = Some(self.place(&held));
        Some(held)
    }

    fn put(&mut self, row: Row, held: Held) {
        self.rows[row].held = Some(held);
        self.rows[row].last = None;
    }

    fn place(&self, held: &Held) -> Place {
        match *held {
            Held::Fired(_) => NOWHERE,
            Held::End(chain) => (chain, self.chains[chain].steps.len()),
        }
    }

    fn handle(&self, row: Row) -> Option<Place> {
        let entry = &self.rows[row];
        entry.held.as_ref().map(|held| self.place(held)).or(entry.last)
    }

    /// A callback that is added when the result is there runs at once, and what it returns is the
    /// Deferred. Otherwise it is one more step.
    fn add(&mut self, row: Row, step: Step) {
        let gone = step.clone();
        match self.take(row).map(|held| self.result_of(held)) {
            Some(Ok(outcome)) => {
                let returned = self.do_step(&step, outcome);
                self.put(row, returned);
            }
            Some(Err(chain)) => {
                self.chains[chain].steps.push(step);
                self.put(row, Held::End(chain));
            }
            None => self.drop_step(&gone),
        }
    }

    /// The result, or the chain that has none yet.
    fn result_of(&mut self, held: Held) -> Result<Outcome, At> {
        match held {
            Held::Fired(outcome) => Ok(outcome),
            Held::End(chain) => match self.chains[chain].take_result() {
                Some(outcome) => {
                    self.chains[chain].reader = Reader::Nobody;
                    Ok(outcome)
                }
                None => Err(chain),
            },
        }
    }

    /// Does what a step says with a result that is there.
    fn do_step(&mut self, step: &Step, outcome: Outcome) -> Held {
        match step {
            Step::Callback(rails, body) => {
                let runs = match rails {
                    Rails::Value => outcome.is_ok(),
                    Rails::Error => outcome.is_err(),
                    Rails::Both => true,
                };
                if runs { self.call(body, outcome) } else { self.pass_by(body, outcome) }
            }
            Step::Pair(callback, errback) => {
                let (runs, other) = match outcome {
                    Ok(_) => (callback, errback),
                    Err(_) => (errback, callback),
                };
                let returned = self.call(runs, outcome);
                self.trace.push(Event::Gone { name: other.name });
                returned
            }
            Step::Log => {
                if let Err(error) = outcome {
                    self.trace.push(Event::Logged(error));
                }
                Held::Fired(outcome)
            }
            Step::Gate(_) => unreachable!("a gate is a step of a chain always"),
        }
    }

    /// A callback runs once and is dropped as soon as it has run.
    fn call(&mut self, body: &Body, outcome: Outcome) -> Held {
        self.trace.push(Event::Called { name: body.name, outcome });
        self.ops(&body.ops);
        let returned = match body.then {
            Then::Pass => Held::Fired(outcome),
            Then::Return(outcome) | Then::Fired(outcome) => Held::Fired(outcome),
            Then::Wait(row) => self.take(row).unwrap_or(Held::Fired(outcome)),
        };
        self.trace.push(Event::Gone { name: body.name });
        returned
    }

    fn pass_by(&mut self, body: &Body, outcome: Outcome) -> Held {
        self.trace.push(Event::Gone { name: body.name });
        Held::Fired(outcome)
    }

    /// Drops a callback that was never added.
    fn drop_step(&mut self, step: &Step) {
        let dropped = match step {
            Step::Callback(_, body) => vec![body.name],
            Step::Pair(callback, errback) => vec![callback.name, errback.name],
            Step::Log | Step::Gate(_) => vec![],
        };
        self.trace.extend(dropped.into_iter().map(|name| Event::Gone { name }));
    }
}

/// Where there is nothing to cancel.
const NOWHERE: Place = (usize::MAX, 0);

mod cancelling;
mod chains;
mod gates;
mod readers;
