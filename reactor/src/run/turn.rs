//! One turn of the loop, phase by phase.
//!
//! ```text
//!   1. calls from threads      those that came before the turn
//!   2. due timers              one reading of the clock; a new zero-delay call waits a turn; if they are late,
//!                              as after a suspend, events that came before them are called first
//!      signals                 those that the poll did not report
//!   3. flush                   what the first two wrote, so that no byte waits through the poll
//!   4. poll                    as long as nothing else is to be done
//!   5. events                  slot looked up, generation checked, cloned out, called
//!   6. flush                   what became dirty; streams end if all together have too much unsent
//!   7. closings                the ends that were decided before the turn; then those that waited for them
//! ```
//!
//! Tasks run after each foreign call. Invariant: each phase does what was there when it began, so
//! nothing that asks for more of itself can keep the others from their turn.

use std::io;
use std::time::Duration;

use interfaces::Reason;

use super::lifetime::can_advance;
use crate::core::Core;
use crate::core::agenda::{reuse, take_all};
use crate::core::tenant::Slot;
use crate::stream::{Running, Stream};
use crate::sys::{Ready, Report, StreamSys, Token};

/// A timer that is called this long after its time is late: no loop that is not held up takes as long.
const LATE: Duration = Duration::from_millis(10);

/// How many polls of late timers look for events, each for as many as a poll reports.
const CATCH_UP_POLLS_MAX: usize = 16;

/// One turn, which waits for `wait_at_most` (`None`: for ever) if there is nothing to do.
pub(crate) fn turn<S: StreamSys>(core: &Core<S>, wait_at_most: Option<Duration>) -> io::Result<()> {
    let number = core.poll_buffers.turns.get().wrapping_add(1);
    core.poll_buffers.turns.set(number);
    let outer = Stream::suspend_running(core);
    if core.in_foreign_call() {
        core.list_gathering();
        // The closings of the outer turn come after this one, which must not wait for them.
        core.give_up_closings();
    }
    let closings = take_all(&core.agenda.closings);
    if !closings.is_empty() {
        core.begin_closings();
    }
    core.run_remote_calls();
    run_due_timers(core);
    if core.sys.signal_came() {
        run_signal_handlers(core);
    }
    Running::flush_dirty(core);
    let mut events = core.poll_buffers.events.take().unwrap_or_default();
    let mut buffer = core.take_read_buffer();
    let still_ready = take_all(&core.agenda.still_ready);
    // A turn inside this one may have run the call that was to end this one's wait.
    let is_last = core.poll_buffers.turns.get() == number;
    let idle = closings.is_empty() && still_ready.is_empty() && is_last;
    let timeout = if idle { timeout(core, wait_at_most) } else { Some(Duration::ZERO) };
    let polled = core.sys.poll(timeout, &mut events);
    if polled.is_ok() {
        S::reports(&events).for_each(|report| dispatch(core, &report, &mut buffer));
    }
    core.poll_buffers.events.set(Some(events));
    dispatch_still_ready(core, still_ready, &mut buffer);
    core.keep_read_buffer(buffer);
    Running::flush_dirty(core);
    Stream::relieve_if_over_cap(core);
    if !closings.is_empty() {
        close_each(core, closings);
    }
    Stream::resume_running(core, outer);
    polled
}

/// Carries out the ends that were decided before the turn, and calls the tenants that waited for them: those
/// that waited before the turn, and the others too, unless ends were decided meanwhile.
#[inline(never)]
fn close_each<S: StreamSys>(core: &Core<S>, closings: Vec<(Token, Reason)>) {
    for (token, reason) in closings {
        Stream::close_listed(core, token, &reason);
    }
    for token in core.end_closings() {
        if let Some(tenant) = core.tenant(token) {
            tenant.clone().closed(core);
            core.drop_guarded("factory", tenant);
        }
    }
}

/// How long a poll may wait.
fn timeout<S: StreamSys>(core: &Core<S>, wait_at_most: Option<Duration>) -> Option<Duration> {
    let has_work = !core.streams.dirty.borrow().is_empty()
        || !core.agenda.closings.borrow().is_empty()
        || core.tasks.is_ready()
        || core.remote_queue.is_woken()
        || can_advance(core);
    if has_work {
        return Some(Duration::ZERO);
    }
    let next = core.timers.borrow_mut().next_time();
    let until_next = next.map(|time| time.saturating_sub(core.sys.now()));
    match (until_next, wait_at_most) {
        (Some(until_next), Some(at_most)) => Some(until_next.min(at_most)),
        (only, None) | (None, only) => only,
    }
}

fn run_due_timers<S: StreamSys>(core: &Core<S>) {
    core.run_woken_tasks();
    core.timers.borrow_mut().begin_phase();
    let next = core.timers.borrow_mut().next_time();
    let Some(next) = next else { return };
    let now = core.sys.now();
    if next > now {
        return;
    }
    if now.saturating_sub(next) >= LATE {
        catch_up(core);
    }
    loop {
        let call = core.timers.borrow_mut().pop_due(now);
        let Some(call) = call else { return };
        // A panic was observed, and the other calls go on.
        drop(core.call("timer", None, call));
    }
}

/// The process was stopped, the machine suspended, or a callback blocked: what came meanwhile comes before
/// the timers, so that no deadline ends a connection whose bytes are there.
#[cold]
#[inline(never)]
fn catch_up<S: StreamSys>(core: &Core<S>) {
    let mut events = core.poll_buffers.events.take().unwrap_or_default();
    let mut buffer = core.take_read_buffer();
    for _ in 0..CATCH_UP_POLLS_MAX {
        if core.sys.poll(Some(Duration::ZERO), &mut events).is_err() {
            break;
        }
        let reported = S::reports(&events).map(|report| dispatch(core, &report, &mut buffer));
        if reported.count() == 0 {
            break;
        }
    }
    core.poll_buffers.events.set(Some(events));
    core.keep_read_buffer(buffer);
}

/// Hands a report to its tenant. Part of the loop over the reports, although late timers call it, too.
#[inline(always)]
fn dispatch<S: StreamSys>(core: &Core<S>, report: &impl Report, buffer: &mut [u8]) {
    let slots = core.slots.borrow();
    if let Some(Slot::Stream(running)) = slots.find(report.token()) {
        let running = running.clone();
        drop(slots);
        running.ready(core, report, buffer);
        running.release(core);
    } else {
        drop(slots);
        dispatch_rare(core, report.ready(), buffer);
    }
}

#[inline(never)]
fn dispatch_rare<S: StreamSys>(core: &Core<S>, ready: Ready, buffer: &mut [u8]) {
    match ready.token {
        Token::WAKER => {}
        Token::SIGNALS => run_signal_handlers(core),
        token => dispatch_tenant(core, token, ready, buffer),
    }
}

/// A token that leads to no tenant is late: its tenant is gone.
fn dispatch_tenant<S: StreamSys>(core: &Core<S>, token: Token, ready: Ready, buffer: &mut [u8]) {
    if let Some(tenant) = core.tenant(token) {
        tenant.clone().ready(core, ready, buffer);
        // A port or an attempt may hold the last reference to its factory.
        core.drop_guarded("factory", tenant);
    }
}

fn dispatch_still_ready<S: StreamSys>(core: &Core<S>, still_ready: Vec<Token>, buffer: &mut [u8]) {
    for token in &still_ready {
        let token = *token;
        core.unlist(token);
        let read = |running: &Running<S>| {
            if running.stream.io.readable.get() {
                running.read_again(core, buffer);
            }
        };
        if !Running::with(core, token, read) {
            let ready = Ready { token, readable: true, read_closed: false, writable: true };
            dispatch_tenant(core, token, ready, buffer);
        }
    }
    reuse(&core.agenda.still_ready, still_ready);
}

#[cold]
fn run_signal_handlers<S: StreamSys>(core: &Core<S>) {
    for signal in core.sys.take_signals() {
        let handlers: Vec<_> = {
            let handlers = core.signal_handlers.borrow();
            let of_this = handlers.iter().filter(|(of, _)| *of == signal);
            of_this.map(|(_, handler)| handler.clone()).collect()
        };
        for handler in handlers {
            drop(core.call("signal handler", None, || handler()));
        }
    }
}

#[cfg(test)]
mod tests;
