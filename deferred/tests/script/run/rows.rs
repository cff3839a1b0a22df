//! Playing a row of a script, with its gates and with tasks.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use ropewalk_deferred::{CancelHandle, Deferred, PauseHandle, Promise};

use super::super::{Body, Error, Event, Outcome, Rails, Row, Shown, Then};
use super::{Given, OnDrop, World, note, nth_mut};

struct Wakes(usize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        note(Event::Woken { task: self.0 });
    }
}

impl World {
    pub(super) fn take(&self, row: Row) -> Option<Given> {
        let entry = &mut self.rows.borrow_mut()[row];
        let deferred = entry.deferred.take()?;
        entry.last = Some(deferred.cancel_handle());
        Some(deferred)
    }

    pub(super) fn put(&self, row: Row, deferred: Given) {
        let entry = &mut self.rows.borrow_mut()[row];
        entry.deferred = Some(deferred);
        entry.last = None;
    }

    pub(super) fn take_promise(&self, row: Row) -> Option<Promise<u8, Error>> {
        self.rows.borrow_mut()[row].promise.take()
    }

    pub(super) fn handle(&self, row: Row) -> Option<CancelHandle> {
        let entry = &self.rows.borrow()[row];
        entry.deferred.as_ref().map(Deferred::cancel_handle).or(entry.last.clone())
    }

    /// Adds to a row, and a gate behind it where there has to be one.
    pub(super) fn change(&self, row: Row, change: impl FnOnce(Given) -> Given) {
        if let Some(deferred) = self.take(row) {
            let deferred = change(deferred);
            self.put(row, deferred);
            self.put_gate(row);
        }
    }

    pub(super) fn put_gate(&self, row: Row) {
        if self.gated
            && let Some(deferred) = self.take(row)
        {
            let (deferred, gate) = deferred.pausable();
            self.put(row, deferred);
            self.rows.borrow_mut()[row].gates.push(Rc::new(gate));
        }
    }

    pub(super) fn add(self: &Rc<Self>, row: Row, rails: Rails, body: &Rc<Body>) {
        let callback = self.callback(row, body);
        self.change(row, |deferred| match rails {
            Rails::Value => deferred.add_callback(move |value| callback(Ok(value))),
            Rails::Error => deferred.add_errback(move |error| callback(Err(error))),
            Rails::Both => deferred.add_both(callback),
        });
    }

    pub(super) fn pair(self: &Rc<Self>, row: Row, callback: &Rc<Body>, errback: &Rc<Body>) {
        let (callback, errback) = (self.callback(row, callback), self.callback(row, errback));
        self.change(row, |deferred| {
            deferred
                .add_callbacks(move |value| callback(Ok(value)), move |error| errback(Err(error)))
        });
    }

    /// A callback that does what the body says.
    pub(super) fn callback(
        self: &Rc<Self>,
        row: Row,
        body: &Rc<Body>,
    ) -> impl FnOnce(Outcome) -> Given + 'static {
        let (world, body) = (self.clone(), body.clone());
        let gone = OnDrop(Event::Gone { name: body.name });
        move |outcome| {
            let _captured = &gone;
            note(Event::Called { name: body.name, outcome });
            world.rows.borrow_mut()[row].running += 1;
            world.ops(&body.ops);
            world.rows.borrow_mut()[row].running -= 1;
            match body.then {
                Then::Pass => fired(outcome),
                Then::Return(outcome) | Then::Fired(outcome) => fired(outcome),
                Then::Wait(other) => match world.take_to_wait(row, other) {
                    Some(deferred) => deferred,
                    None => fired(outcome),
                },
            }
        }
    }

    /// In Twisted a callback can't wait for what waits for it, and should not for what runs.
    pub(super) fn take_to_wait(&self, row: Row, other: Row) -> Option<Given> {
        let refused = self.gated && (other <= row || self.rows.borrow()[other].running > 0);
        if refused { None } else { self.take(other) }
    }

    pub(super) fn chain(&self, row: Row, to: Row) {
        let possible = {
            let rows = self.rows.borrow();
            let both = rows[row].deferred.is_some() && rows[to].promise.is_some();
            both && !(self.gated && (row <= to || rows[row].running > 0))
        };
        if possible && let (Some(deferred), Some(promise)) = (self.take(row), self.take_promise(to))
        {
            deferred.chain_deferred(promise);
        }
    }

    pub(super) fn with_gate(&self, number: usize, f: impl FnOnce(&PauseHandle)) {
        let count = self.gates.borrow().len();
        let taken = nth_mut(&mut self.gates.borrow_mut(), number).and_then(Option::take);
        if let Some(gate) = taken {
            f(&gate);
            // There may be more of them by now.
            self.gates.borrow_mut()[number % count] = Some(gate);
        }
    }

    pub(super) fn freeze(&self, row: Row) {
        let entry = &mut self.rows.borrow_mut()[row];
        if entry.running == 0 && (entry.deferred.is_some() || entry.last.is_some()) {
            entry.frozen += 1;
            entry.gates.iter().for_each(|gate| gate.pause());
        }
    }

    pub(super) fn thaw(&self, row: Row) {
        let gates = {
            let entry = &mut self.rows.borrow_mut()[row];
            if entry.frozen == 0 {
                return;
            }
            entry.frozen -= 1;
            entry.gates.clone()
        };
        // From the end to the start: what the held result is to run through has to be open first.
        gates.iter().rev().for_each(|gate| gate.unpause());
    }

    pub(super) fn look(&self, row: Row) {
        let entry = &self.rows.borrow()[row];
        let shown = entry.deferred.as_ref().map(shown);
        let promise_cancelled = entry.promise.as_ref().map(Promise::is_cancelled);
        note(Event::Looked { row, shown, promise_cancelled });
    }

    pub(super) fn poll(&self, number: usize) {
        let count = self.tasks.borrow().len();
        let taken = nth_mut(&mut self.tasks.borrow_mut(), number).and_then(Option::take);
        let Some(mut future) = taken else { return };
        let task = number % count;
        let waker = Waker::from(Arc::new(Wakes(task)));
        match Pin::new(&mut future).poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(outcome) => note(Event::Polled { task, outcome: Some(outcome) }),
            Poll::Pending => {
                note(Event::Polled { task, outcome: None });
                self.tasks.borrow_mut()[task] = Some(future);
            }
        }
    }
}

fn fired(outcome: Outcome) -> Given {
    match outcome {
        Ok(value) => Deferred::succeed(value),
        Err(error) => Deferred::fail(error),
    }
}

fn shown(deferred: &Given) -> Shown {
    let text = format!("{deferred:?}");
    let shown = match text.as_str() {
        "Deferred(pending)" => Shown::Pending,
        "Deferred(waits for another)" => Shown::Waits,
        fired => Shown::Fired(parsed(fired)),
    };
    assert_eq!(deferred.is_fired(), matches!(shown, Shown::Fired(_)), "{text}");
    shown
}

fn parsed(text: &str) -> Outcome {
    let number = |part: &str| part.trim_end_matches(')').parse().expect("a number");
    match text.strip_prefix("Deferred(Ok(") {
        Some(value) => Ok(number(value)),
        None if text == "Deferred(Err(Cancelled))" => Err(Error::Cancelled),
        None => {
            let error = text.strip_prefix("Deferred(Err(Boom(").expect("an error");
            Err(Error::Boom(number(error)))
        }
    }
}
