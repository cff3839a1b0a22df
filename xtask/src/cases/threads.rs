//! The way in from other threads, and out to them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use interfaces::ThreadOutcome;

use super::time::ms;
use crate::notices::{PLANNED, panic_as_planned};
use crate::{Ability, Case, Failed, Outcome, Script, Trial, ensure, same};

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
    Case::new(
        "threads/work",
        "call_in_thread works on another thread, and reports on the loop's",
        work,
    )
    .states(&["threads-015", "threads-010"])
    .needs(&[Ability::Threads, Ability::Core]),
    Case::new(
        "threads/work-that-panics",
        "work that panics is reported as that, and the pool goes on",
        work_that_panics,
    )
    .states(&["threads-016"])
    .needs(&[Ability::Threads, Ability::Core]),
    Case::new(
        "threads/pool-size",
        "no more pieces of work run at a time than the pool was suggested to have",
        pool_size,
    )
    .states(&["threads-002"])
    .needs(&[Ability::Threads, Ability::Core]),
    Case::new("threads/pool-ends", "the threads of the pool end with the loop", pool_ends)
        .states(&["threads-009"])
        .needs(&[Ability::Threads, Ability::Core]),
    Case::new(
        "threads/not-before-the-start",
        "work that is handed out before the loop runs is not begun before it does",
        not_before_the_start,
    )
    .needs(&[Ability::Threads, Ability::Core]),
];

fn from_the_loop_itself(t: &Trial) -> Outcome {
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

fn from_a_worker(t: &Trial) -> Outcome {
    let remote = t.threads()?.remote();
    let calls = Arc::new(Mutex::new(Vec::new()));
    let list = calls.clone();
    let hold = t.world().hold_clock();
    let worker = thread::spawn(move || {
        for number in 0..100 {
            let list = list.clone();
            remote.call_from_thread(Box::new(move || {
                if let Ok(mut list) = list.lock() {
                    list.push((number, thread::current().id()));
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

fn inside_itself(t: &Trial) -> Outcome {
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
    // It is due at once, and so goes before the second call.
    t.later(Duration::ZERO, timer);
    let words = || story.lock().map(|story| story.clone()).unwrap_or_default();
    t.until("all are made", || words().len() == 3)?;
    same("the order", words(), ["first", "timer", "second"])
}

fn burst(t: &Trial) -> Outcome {
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
    // The loop's thread waits here, so all of them pile up.
    ensure(worker.join().is_ok(), "the worker panicked")?;
    same("calls made meanwhile", count.load(Ordering::SeqCst), 0)?;
    t.until("all calls are made", || count.load(Ordering::SeqCst) == CALLS)
}

fn after_the_end(t: &Trial) -> Outcome {
    let (sender, receiver) = channel();
    let remote = t.threads()?.remote();
    t.at_the_end(move || {
        // The world is gone by now.
        remote.call_from_thread(Box::new(move || _ = sender.send(())));
        match receiver.try_recv() {
            Err(std::sync::mpsc::TryRecvError::Disconnected) => Ok(()),
            Ok(()) => Err(Failed::new("the call was made after the end")),
            Err(_) => Err(Failed::new("the call was kept, and will never be made")),
        }
    });
    Ok(())
}

fn to_a_connection(t: &Trial) -> Outcome {
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

/// Runs the loop until the given number of pieces of work have reported.
fn run_until_done(t: &Trial, pieces: usize) -> Result<impl Fn() + use<>, Failed> {
    let core = t.core()?;
    let left = Rc::new(Cell::new(pieces));
    let hold = Rc::new(Cell::new(Some(t.world().hold_clock())));
    Ok(move || {
        left.set(left.get() - 1);
        if left.get() == 0 {
            drop(hold.take());
            let _ = core.stop();
        }
    })
}

fn work(t: &Trial) -> Outcome {
    let done = run_until_done(t, 1)?;
    let worked_on = Arc::new(Mutex::new(None));
    let set = worked_on.clone();
    let reported = Rc::new(RefCell::new(None));
    let report = reported.clone();
    t.threads()?.call_in_thread(
        Box::new(move || {
            if let Ok(mut worked_on) = set.lock() {
                *worked_on = Some(thread::current().id());
            }
        }),
        Box::new(move |outcome| {
            *report.borrow_mut() = Some((outcome, thread::current().id()));
            done();
        }),
    );
    t.run()?;
    let here = thread::current().id();
    same("the report", reported.take(), Some((ThreadOutcome::Done, here)))?;
    let there = worked_on.lock().ok().and_then(|thread| *thread);
    ensure(there.is_some() && there != Some(here), "the work was not done on another thread")
}

fn work_that_panics(t: &Trial) -> Outcome {
    let done = Rc::new(run_until_done(t, 2)?);
    let reports = Rc::new(RefCell::new(Vec::new()));
    let threads = t.threads()?;
    // With one thread, the second piece shows that the first one did not cost the pool anything.
    threads.suggest_thread_pool_size(1);
    for fails in [true, false] {
        let (done, reports) = (done.clone(), reports.clone());
        threads.call_in_thread(
            Box::new(move || {
                if fails {
                    panic_as_planned("in the case");
                }
            }),
            Box::new(move |outcome| {
                reports.borrow_mut().push(outcome);
                done();
            }),
        );
    }
    t.run()?;
    let panicked = ThreadOutcome::Panicked(format!("{PLANNED}in the case"));
    same("the reports", reports.take(), [panicked, ThreadOutcome::Done])
}

fn pool_size(t: &Trial) -> Outcome {
    let threads = t.threads()?;
    threads.suggest_thread_pool_size(17);
    threads.suggest_thread_pool_size(2);
    let done = Rc::new(run_until_done(t, 8)?);
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    for _ in 0..8 {
        let (running, most, done) = (running.clone(), most.clone(), done.clone());
        threads.call_in_thread(
            Box::new(move || {
                let now = running.fetch_add(1, Ordering::SeqCst) + 1;
                most.fetch_max(now, Ordering::SeqCst);
                // Time for another thread to begin, should there be one too many.
                thread::sleep(ms(2));
                running.fetch_sub(1, Ordering::SeqCst);
            }),
            Box::new(move |_| done()),
        );
    }
    t.run()?;
    ensure(most.load(Ordering::SeqCst) <= 2, "more than 2 pieces of work ran at a time")
}

thread_local! {
    /// Dropped when its thread ends.
    static UNTIL_THE_END: RefCell<Option<Arc<()>>> = const { RefCell::new(None) };
}

fn pool_ends(t: &Trial) -> Outcome {
    let alive = Arc::new(());
    let held = alive.clone();
    let done = run_until_done(t, 1)?;
    t.threads()?
        .call_in_thread(Box::new(move || UNTIL_THE_END.set(Some(held))), Box::new(move |_| done()));
    t.run()?;
    t.at_the_end(move || {
        let mut rounds = 0;
        // A thread that was told to end needs a moment for it.
        while Arc::strong_count(&alive) > 1 && rounds < 2000 {
            thread::sleep(ms(1));
            rounds += 1;
        }
        same("threads that outlive the loop", Arc::strong_count(&alive) - 1, 0)
    });
    Ok(())
}

fn not_before_the_start(t: &Trial) -> Outcome {
    let done = run_until_done(t, 1)?;
    let began = Arc::new(AtomicBool::new(false));
    let set = began.clone();
    t.threads()?.call_in_thread(
        Box::new(move || set.store(true, Ordering::SeqCst)),
        Box::new(move |_| done()),
    );
    thread::sleep(ms(20));
    ensure(!began.load(Ordering::SeqCst), "the work began before the loop ran")?;
    t.run()?;
    ensure(began.load(Ordering::SeqCst), "the work did not begin when the loop ran")
}
