//! Calls from other threads.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::time::ms;
use crate::suite::{Ability, Case, CaseContext, Failed, Outcome, Script, ensure, same};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "threads/from-the-loop-itself",
        "call_from_thread on the loop's own thread wakes the loop, though no timer is near",
        from_the_loop_itself,
    )
    .states(&["threads-003"])
    .needs(&[Ability::Threads]),
    Case::new(
        "threads/from-a-worker",
        "call_from_thread on another thread runs on the loop's thread, in the order of asking",
        from_a_worker,
    )
    .states(&["threads-004", "threads-010"])
    .needs(&[Ability::Threads]),
    Case::new(
        "threads/inside-itself",
        "call_from_thread inside such a call runs in a later turn, after a timer due now",
        inside_itself,
    )
    .states(&["threads-006"])
    .needs(&[Ability::Threads, Ability::LoopClock]),
    Case::new(
        "threads/burst",
        "100,000 calls from a thread while the loop stands still are all made afterwards",
        burst,
    )
    .states(&["threads-008"])
    .needs(&[Ability::Threads]),
    Case::new(
        "threads/after-the-end",
        "once the loop is gone, what is handed to it is dropped unrun",
        after_the_end,
    )
    .needs(&[Ability::Threads]),
    Case::new(
        "threads/to-a-connection",
        "another thread writes to a connection by way of the loop",
        to_a_connection,
    )
    .needs(&[Ability::Threads]),
];

fn from_the_loop_itself(t: &CaseContext) -> Outcome {
    let remote = t.threads()?.remote();
    let called = Arc::new(AtomicBool::new(false));
    let set = called.clone();
    let alarm = t.later(Duration::from_secs(60), || {});
    t.later(ms(1), move || {
        remote.call_from_thread(Box::new(move || set.store(true, Ordering::SeqCst)));
    });
    t.until("the call is made", || called.load(Ordering::SeqCst))?;
    same("the far timer is pending still", alarm.cancel(), Ok(()))
}

fn from_a_worker(t: &CaseContext) -> Outcome {
    let remote = t.threads()?.remote();
    let calls = Arc::new(Mutex::new(Vec::new()));
    let list = calls.clone();
    let hold = t.world().hold_clock();
    let worker = thread::spawn(move || {
        for number in 0..100 {
            let list = list.clone();
            remote.call_from_thread(Box::new(move || {
                let here = thread::current().id();
                if let Ok(mut list) = list.lock() {
                    list.push((number, here));
                }
            }));
        }
        remote.call_from_thread(Box::new(move || drop(hold)));
    });
    let count = || calls.lock().map_or(0, |calls| calls.len());
    t.until("all calls are made", || count() == 100)?;
    ensure(worker.join().is_ok(), "the worker panicked")?;
    let here = thread::current().id();
    let want: Vec<_> = (0..100).map(|number| (number, here)).collect();
    let is = calls.lock().map(|calls| calls.clone()).unwrap_or_default();
    same("calls and their threads", is, want)
}

fn inside_itself(t: &CaseContext) -> Outcome {
    let remote = t.threads()?.remote();
    let story = Arc::new(Mutex::new(Vec::new()));
    let add = |word: &'static str| {
        let story = story.clone();
        move || {
            if let Ok(mut story) = story.lock() {
                story.push(word);
            }
        }
    };
    let (first, second, timer) = (add("first"), add("second"), add("timer"));
    let again = remote.clone();
    remote.call_from_thread(Box::new(move || {
        first();
        again.call_from_thread(Box::new(second));
    }));
    // It is due at once, and so runs before the second call.
    t.later(Duration::ZERO, timer);
    let words = || story.lock().map(|story| story.clone()).unwrap_or_default();
    t.until("all are made", || words().len() == 3)?;
    same("the order", words(), ["first", "timer", "second"])
}

fn burst(t: &CaseContext) -> Outcome {
    const CALLS: usize = 100_000;
    let remote = t.threads()?.remote();
    let count = Arc::new(AtomicUsize::new(0));
    let counter = count.clone();
    let worker = thread::spawn(move || {
        for _ in 0..CALLS {
            let counter = counter.clone();
            remote.call_from_thread(Box::new(move || {
                counter.fetch_add(1, Ordering::SeqCst);
            }));
        }
    });
    // The loop's thread waits here, so all calls queue up.
    ensure(worker.join().is_ok(), "the worker panicked")?;
    same("calls made meanwhile", count.load(Ordering::SeqCst), 0)?;
    t.until("all calls are made", || count.load(Ordering::SeqCst) == CALLS)
}

fn after_the_end(t: &CaseContext) -> Outcome {
    let (sender, receiver) = channel();
    let remote = t.threads()?.remote();
    t.at_the_end(move || {
        // The world is dropped by now.
        remote.call_from_thread(Box::new(move || _ = sender.send(())));
        match receiver.try_recv() {
            Err(std::sync::mpsc::TryRecvError::Disconnected) => Ok(()),
            Ok(()) => Err(Failed::new("the call was made after the end")),
            Err(_) => Err(Failed::new("the call was kept, and will never be made")),
        }
    });
    Ok(())
}

fn to_a_connection(t: &CaseContext) -> Outcome {
    let remote = t.threads()?.remote();
    let pair = t.pair(Script::new(), Script::new())?;
    thread_local! {
        static WIRE: RefCell<Option<Rc<dyn interfaces::Transport>>> = const { RefCell::new(None) };
    }
    WIRE.set(Some(pair.client.transport()?));
    let hold = t.world().hold_clock();
    let worker = thread::spawn(move || {
        for number in 0..10_u8 {
            remote.call_from_thread(Box::new(move || {
                let wire = WIRE.with_borrow(Clone::clone);
                if let Some(wire) = wire {
                    wire.write(&[number]);
                }
            }));
        }
        remote.call_from_thread(Box::new(move || drop(hold)));
    });
    t.until("all was received", || pair.server.received_bytes() >= 10)?;
    ensure(worker.join().is_ok(), "the worker panicked")?;
    WIRE.set(None);
    pair.server_has(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9])?;
    pair.abandon(t)
}
