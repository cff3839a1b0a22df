//! Runs a script on the Deferred of this crate.
//!
//! Invariant: nothing of a row is borrowed while callbacks run: what is used is taken out of it.

mod rows;

use std::cell::{Cell, RefCell};
use std::future::IntoFuture;
use std::rc::Rc;

use ropewalk_deferred::{
    CancelHandle, Deferred, DeferredFuture, PauseHandle, Promise, Unhandled, set_unhandled_hook,
};

use super::{Canceller, CancellerEnd, CancellerKind, Error, Event, FUEL, Op, Row, Script};

thread_local! {
    static TRACE: RefCell<Vec<Event>> = const { RefCell::new(Vec::new()) };
}

fn note(event: Event) {
    TRACE.with_borrow_mut(|trace| trace.push(event));
}

/// Records what the hook is told; called once before the first script.
pub fn listen() {
    fn record(unhandled: &Unhandled<'_>) {
        note(match unhandled {
            Unhandled::Error(error) => Event::Unhandled(*error.downcast_ref().expect("ours")),
            Unhandled::Logged(error) => Event::Logged(*error.downcast_ref().expect("ours")),
            Unhandled::PromiseDropped { .. } => Event::PromiseDropped,
            other => panic!("the language has no word for {other}"),
        });
    }
    set_unhandled_hook(record);
}

/// Runs a script with all its ends, and says what was seen.
pub fn run(script: &Script) -> Vec<Event> {
    TRACE.take();
    let world = World::new(script);
    world.ops(&script.ops);
    if script.gated {
        world.end_as_in_twisted()
    } else {
        world.end()
    }
    TRACE.take()
}

/// How often everything is dropped at the end, as callbacks make tasks and gates meanwhile.
pub const ENDS: usize = 3;

/// How often all rows are thawed at the end, as callbacks freeze some meanwhile.
const THAWS: usize = 8;

type Given = Deferred<u8, Error>;

struct World {
    rows: RefCell<Vec<RowState>>,
    handles: RefCell<Vec<CancelHandle>>,
    gates: RefCell<Vec<Option<PauseHandle>>>,
    tasks: RefCell<Vec<Option<DeferredFuture<u8, Error>>>>,
    gated: bool,
    fuel: Cell<u32>,
}

struct RowState {
    deferred: Option<Given>,
    promise: Option<Promise<u8, Error>>,
    /// Cancels what the row held, after it has been given away.
    last: Option<CancelHandle>,
    /// The gates of a gated row.
    gates: Vec<Rc<PauseHandle>>,
    frozen: u32,
    /// How many of the row's callbacks run now.
    running: u32,
}

struct OnDrop(Event);

impl Drop for OnDrop {
    fn drop(&mut self) {
        note(self.0);
    }
}

impl World {
    fn new(script: &Script) -> Rc<World> {
        let world = Rc::new(World {
            rows: RefCell::default(),
            handles: RefCell::default(),
            gates: RefCell::default(),
            tasks: RefCell::default(),
            gated: script.gated,
            fuel: Cell::new(FUEL),
        });
        for (row, canceller) in script.cancellers.iter().enumerate() {
            let (deferred, promise) = world.source(row, canceller);
            let (deferred, last) = (Some(deferred), None);
            let promise = Some(promise);
            let entry = RowState { deferred, promise, last, gates: vec![], frozen: 0, running: 0 };
            world.rows.borrow_mut().push(entry);
            world.put_gate(row);
        }
        world
    }

    fn source(self: &Rc<Self>, row: Row, with: &Rc<Canceller>) -> (Given, Promise<u8, Error>) {
        if with.kind == CancellerKind::None {
            return Deferred::new();
        }
        let (world, canceller) = (self.clone(), with.clone());
        let gone = OnDrop(Event::CancellerGone { row });
        let cancel = move || {
            let _captured = &gone;
            note(Event::Cancelling { row });
            world.ops(&canceller.ops);
            match canceller.then {
                CancellerEnd::Nothing => {}
                CancellerEnd::Answer(outcome) => return Some(outcome),
                CancellerEnd::Fire(outcome) => world.op(&Op::Fire { row, outcome }),
                CancellerEnd::Drop => world.op(&Op::DropPromise { row }),
            }
            None
        };
        match with.kind {
            CancellerKind::Ask => Deferred::with_cooperative_canceller(move || {
                cancel();
            }),
            _ => Deferred::with_canceller(cancel),
        }
    }

    fn ops(self: &Rc<Self>, ops: &[Op]) {
        for op in ops {
            if self.fuel.get() > 0 {
                self.fuel.set(self.fuel.get() - 1);
                self.op(op);
            }
        }
    }

    fn op(self: &Rc<Self>, op: &Op) {
        match *op {
            Op::Add { row, rails, ref body } => self.add(row, rails, body),
            Op::Pair { row, ref callback, ref errback } => self.pair(row, callback, errback),
            Op::Log { row } => self.change(row, Deferred::log_error),
            Op::Fire { row, outcome } => {
                if let Some(promise) = self.take_promise(row) {
                    promise.fire(outcome);
                }
            }
            Op::DropPromise { row } => drop(self.take_promise(row)),
            Op::Chain { row, to } => self.chain(row, to),
            Op::Cancel { row } => {
                if let Some(handle) = self.handle(row) {
                    handle.cancel();
                }
            }
            Op::TakeHandle { row } => {
                let handle = self.handle(row);
                self.handles.borrow_mut().extend(handle);
            }
            Op::CancelBy { handle } => {
                let handle = nth(&self.handles.borrow(), handle).cloned();
                if let Some(handle) = handle {
                    handle.cancel();
                }
            }
            Op::Gate { row } => {
                if let Some((deferred, handle)) = self.take(row).map(Deferred::pausable) {
                    self.put(row, deferred);
                    self.gates.borrow_mut().push(Some(handle));
                }
            }
            Op::Pause { gate } => self.with_gate(gate, |gate| gate.pause()),
            Op::Unpause { gate } => self.with_gate(gate, |gate| gate.unpause()),
            Op::DropGate { gate } => {
                let taken = nth_mut(&mut self.gates.borrow_mut(), gate).and_then(Option::take);
                drop(taken);
            }
            Op::Freeze { row } => self.freeze(row),
            Op::Thaw { row } => self.thaw(row),
            Op::Look { row } => self.look(row),
            Op::Drop { row } => {
                let taken = self.take(row);
                if taken.is_some() {
                    self.rows.borrow_mut()[row].last = None;
                }
                drop(taken);
            }
            Op::Await { row } => {
                if let Some(deferred) = self.take(row) {
                    self.tasks.borrow_mut().push(Some(deferred.into_future()));
                }
            }
            Op::Poll { task } => self.poll(task),
            Op::DropTask { task } => {
                let taken = nth_mut(&mut self.tasks.borrow_mut(), task).and_then(Option::take);
                drop(taken);
            }
        }
    }
}

impl World {
    /// Drops everything, also what callbacks make meanwhile.
    fn end(self: &Rc<Self>) {
        let rows = self.rows.borrow().len();
        for _ in 0..ENDS {
            let tasks = self.tasks.borrow().len();
            (0..tasks).for_each(|task| self.op(&Op::DropTask { task }));
            (0..rows).for_each(|row| self.op(&Op::Drop { row }));
            (0..rows).for_each(|row| self.op(&Op::DropPromise { row }));
            let gates = self.gates.borrow().len();
            (0..gates).for_each(|gate| self.op(&Op::DropGate { gate }));
        }
    }

    /// Fires what was not fired, thaws what is frozen, looks and drops.
    fn end_as_in_twisted(self: &Rc<Self>) {
        let rows = self.rows.borrow().len();
        (0..rows).for_each(|row| self.look(row));
        (0..rows).for_each(|row| self.op(&Op::Fire { row, outcome: Ok(row as u8) }));
        for row in (0..rows).cycle().take(THAWS * rows) {
            while self.rows.borrow()[row].frozen > 0 {
                self.thaw(row);
            }
        }
        (0..rows).for_each(|row| self.look(row));
        (0..rows).for_each(|row| self.op(&Op::Drop { row }));
        for row in 0..rows {
            let gates = std::mem::take(&mut self.rows.borrow_mut()[row].gates);
            drop(gates);
        }
    }
}

fn nth<T>(all: &[T], number: usize) -> Option<&T> {
    all.get(number % all.len().max(1))
}

fn nth_mut<T>(all: &mut [T], number: usize) -> Option<&mut T> {
    let count = all.len().max(1);
    all.get_mut(number % count)
}
