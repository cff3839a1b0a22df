//! Work on other threads whose result is a Deferred, and Deferreds that other threads wait for.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread::{self, ThreadId};

use deferred::{Cancelled, Deferred, Failure};
use interfaces::{FromThread, ThreadOutcome};
use protocol::threads::{
    BlockingCallFailed, WorkFailed, blocking_call_from_thread, defer_to_thread,
};

use crate::suite::notices::{PLANNED, panic_as_planned};
use crate::suite::{Ability, Case, CaseContext, Failed, Outcome, ensure, same};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "threads/deferred-work",
        "defer_to_thread fires on the loop's thread with what the work returns, or fails with",
        deferred_work,
    )
    .states(&["threads-015", "threads-016"])
    .needs(&[Ability::Threads, Ability::Core]),
    Case::new(
        "threads/cancelled-work",
        "work whose Deferred is cancelled before it begins does not begin",
        cancelled_work,
    )
    .needs(&[Ability::Threads, Ability::Core]),
    Case::new(
        "threads/several-in-one",
        "pieces that are handed out as one are done in their order, on one thread",
        several_in_one,
    )
    .states(&["threads-014"])
    .needs(&[Ability::Threads, Ability::Core]),
    Case::new(
        "threads/blocking-call",
        "a thread that waits for a call on the loop gets what its Deferred fires with, now or later",
        blocking_call,
    )
    .states(&["threads-012", "threads-013"])
    .needs(&[Ability::Threads, Ability::CatchPanics]),
    Case::new(
        "threads/blocking-call-on-the-loop",
        "the loop's own thread is refused to wait for itself, and is known for what it is",
        blocking_call_on_the_loop,
    )
    .states(&["threads-010"])
    .needs(&[Ability::Threads]),
];

type WorkResults = Rc<RefCell<Vec<(Result<u8, Failure>, ThreadId)>>>;

/// Collects a result; `last` stops the loop.
fn collect(t: &CaseContext, results: &WorkResults, work: Deferred<u8>, last: bool) -> Outcome {
    let (core, told) = (t.core()?, results.clone());
    let hold = t.world().hold_clock();
    drop(work.add_both(move |result| {
        told.borrow_mut().push((result, thread::current().id()));
        drop(hold);
        if last {
            let _ = core.stop();
        }
        Ok::<(), Failure>(())
    }));
    Ok(())
}

fn deferred_work(t: &CaseContext) -> Outcome {
    let threads = t.threads()?;
    // One thread, so that they are done in the order of asking.
    threads.suggest_thread_pool_size(1);
    let results = WorkResults::default();
    let there = defer_to_thread(&*threads, || Ok::<_, Cancelled>(7));
    collect(t, &results, there, false)?;
    collect(t, &results, defer_to_thread(&*threads, || Err(Cancelled)), false)?;
    let panics = || -> Result<u8, Cancelled> {
        panic_as_planned("in the case");
        Ok(0)
    };
    collect(t, &results, defer_to_thread(&*threads, panics), false)?;
    collect(t, &results, defer_to_thread(&*threads, || Ok::<_, Cancelled>(8)), true)?;
    t.run()?;
    let results = results.take();
    let here = thread::current().id();
    ensure(results.iter().all(|(_, thread)| *thread == here), "it fired on another thread")?;
    let [(Ok(7), _), (Err(error), _), (Err(panic), _), (Ok(8), _)] = &results[..] else {
        return Err(Failed::new(format!("the results are {results:?}")));
    };
    ensure(error.check::<Cancelled>(), "the error is not that of the work")?;
    let panicked = ThreadOutcome::Panicked(format!("{PLANNED}in the case"));
    same("the panic", panic.downcast_ref::<WorkFailed>(), Some(&WorkFailed(panicked)))
}

fn cancelled_work(t: &CaseContext) -> Outcome {
    let threads = t.threads()?;
    threads.suggest_thread_pool_size(1);
    let (began, has_begun) = channel();
    let results = WorkResults::default();
    let work = move || {
        let _ = began.send(());
        Ok::<_, Cancelled>(1)
    };
    let work = defer_to_thread(&*threads, work);
    let handle = work.cancel_handle();
    collect(t, &results, work, false)?;
    handle.cancel();
    // Behind it, in a pool of one.
    collect(t, &results, defer_to_thread(&*threads, || Ok::<_, Cancelled>(2)), true)?;
    t.run()?;
    ensure(has_begun.try_recv().is_err(), "the work began")?;
    match &results.take()[..] {
        [(Err(failure), _), (Ok(2), _)] if failure.check::<Cancelled>() => Ok(()),
        other => Err(Failed::new(format!("the results are {other:?}"))),
    }
}

fn several_in_one(t: &CaseContext) -> Outcome {
    let (done, story) = channel();
    let pieces = [1_u8, 2, 3].map(|number| {
        let done = done.clone();
        move || _ = done.send((number, thread::current().id()))
    });
    drop(done);
    let results = WorkResults::default();
    let work = move || {
        pieces.into_iter().for_each(|piece| piece());
        Ok::<_, Cancelled>(0)
    };
    collect(t, &results, defer_to_thread(&*t.threads()?, work), true)?;
    t.run()?;
    let (numbers, threads): (Vec<_>, Vec<_>) = story.iter().unzip();
    same("the order", numbers, [1, 2, 3])?;
    ensure(threads.iter().all(|thread| *thread == threads[0]), "they ran on several threads")
}

thread_local! {
    /// What a call from another thread has left to be fired in a later turn of this thread's loop.
    static LATER: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
}

/// A Deferred that fires now, or in a later turn.
fn answered(
    remote: &Arc<dyn FromThread>,
    is_later: bool,
    result: Result<&'static str, Cancelled>,
) -> Deferred<&'static str> {
    let (deferred, promise) = Deferred::new();
    let fire = move || match result {
        Ok(value) => promise.callback(value),
        Err(error) => promise.errback(error),
    };
    if is_later {
        LATER.set(Some(Box::new(fire)));
        remote.call_from_thread(Box::new(|| {
            let fire = LATER.take();
            fire.into_iter().for_each(|fire| fire());
        }));
    } else {
        fire();
    }
    deferred
}

fn blocking_call(t: &CaseContext) -> Outcome {
    let remote = t.threads()?.remote();
    let (sender, answers) = channel();
    let hold = t.world().hold_clock();
    let waits = thread::spawn(move || {
        for (is_later, result) in
            [(false, Ok("foo")), (true, Ok("egg")), (false, Err(Cancelled)), (true, Err(Cancelled))]
        {
            let again = remote.clone();
            let call = move || answered(&again, is_later, result);
            let _ = sender.send(blocking_call_from_thread(&*remote, call));
        }
        // A panic of the call is the end of it, too.
        let lost = blocking_call_from_thread(&*remote, || {
            panic_as_planned("in the case");
            Deferred::<&str>::succeed("lost")
        });
        let _ = sender.send(lost);
        drop(hold);
    });
    t.until("the thread has all answers", || waits.is_finished())?;
    ensure(waits.join().is_ok(), "the thread panicked")?;
    let failed = Err(BlockingCallFailed::Failed { message: Cancelled.to_string() });
    let want = [Ok("foo"), Ok("egg"), failed.clone(), failed, Err(BlockingCallFailed::NoAnswer)];
    same("the answers", answers.iter().collect::<Vec<_>>(), want)?;
    same("reported as unhandled", t.take_unhandled().len(), 0)
}

fn blocking_call_on_the_loop(t: &CaseContext) -> Outcome {
    let remote = t.threads()?.remote();
    let answer = blocking_call_from_thread(&*remote, || Deferred::succeed(()));
    same("the answer", answer, Err(BlockingCallFailed::OwnThread))?;
    ensure(remote.is_in_reactor_thread(), "the loop's thread is not known for it")?;
    let elsewhere = thread::spawn(move || remote.is_in_reactor_thread()).join();
    same("of another thread", elsewhere.ok(), Some(false))
}
