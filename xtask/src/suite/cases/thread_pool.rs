//! Work on other threads: its thread, its report, and the end of the pool.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use interfaces::ThreadOutcome;

use super::time::ms;
use crate::suite::notices::{PLANNED, panic_as_planned};
use crate::suite::{Ability, Case, CaseContext, Failed, Outcome, ensure, same};

pub(super) const CASES: &[Case] = &[
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

/// Runs the loop until this number of reports have come.
fn run_until_done(t: &CaseContext, pieces: usize) -> Result<impl Fn() + use<>, Failed> {
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

fn work(t: &CaseContext) -> Outcome {
    let done = run_until_done(t, 1)?;
    let worked_on = Arc::new(Mutex::new(None));
    let set = worked_on.clone();
    let reported = Rc::new(RefCell::new(None));
    let report = reported.clone();
    t.threads()?.call_in_thread(
        Box::new(move || {
            let here = thread::current().id();
            if let Ok(mut worked_on) = set.lock() {
                *worked_on = Some(here);
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

fn work_that_panics(t: &CaseContext) -> Outcome {
    let done = Rc::new(run_until_done(t, 2)?);
    let reports = Rc::new(RefCell::new(Vec::new()));
    let threads = t.threads()?;
    // With one thread, the second report shows that the first panic did not end the thread.
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

fn pool_size(t: &CaseContext) -> Outcome {
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
                // Time for another thread to start, if the pool had one too many.
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

fn pool_ends(t: &CaseContext) -> Outcome {
    let alive = Arc::new(());
    let held = alive.clone();
    let done = run_until_done(t, 1)?;
    t.threads()?
        .call_in_thread(Box::new(move || UNTIL_THE_END.set(Some(held))), Box::new(move |_| done()));
    t.run()?;
    t.at_the_end(move || {
        let mut rounds = 0;
        // A thread that is ending needs a moment.
        while Arc::strong_count(&alive) > 1 && rounds < 2000 {
            thread::sleep(ms(1));
            rounds += 1;
        }
        same("threads that outlive the loop", Arc::strong_count(&alive) - 1, 0)
    });
    Ok(())
}

fn not_before_the_start(t: &CaseContext) -> Outcome {
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
