//! Runs cases on subjects, each pair in its own world and on its own thread.
//!
//! Invariant: every pair of a case and a subject gets a verdict: a panic is a failure, and so is a case
//! that does not finish.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Once};
use std::thread;
use std::time::{Duration, Instant};

use crate::suite::notices::{collect_unhandled, panic_message, silence_planned_panics};
use crate::suite::{Case, CaseContext, Failed, Outcome, Subject, open_descriptors};

/// The longest that one case may take on one subject. A case that takes longer fails, and its thread
/// is abandoned.
const LIMIT: Duration = Duration::from_secs(60);
/// The time that ending threads have to close their descriptors.
const SETTLING: Duration = Duration::from_secs(2);

/// The result of one case on one subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The claim held, and nothing leaked.
    Passed,
    /// The claim did not hold, or something leaked; with the details.
    Failed(String),
    /// The subject lacks an ability that the case needs; with the subject's reason.
    Skipped(&'static str),
}

/// One cell of the table.
#[derive(Clone, Debug)]
pub struct Cell {
    /// The result.
    pub verdict: Verdict,
    /// The duration of the run.
    pub took: Duration,
}

/// One row of the table: a case, with one cell for each subject.
#[derive(Clone, Debug)]
pub struct Row {
    /// The case.
    pub case: Case,
    /// The cells, in the order of the subjects.
    pub cells: Vec<Cell>,
}

/// Runs each case on each subject, one after the other, and calls `progress` with each row.
///
/// The first call installs a panic hook, which keeps planned panics off standard error, and takes the
/// process's hook for unhandled errors.
pub fn run(
    cases: &[Case],
    subjects: &[Arc<dyn Subject>],
    mut progress: impl FnMut(&Row),
) -> Vec<Row> {
    let mut rows = Vec::new();
    for case in cases {
        let cells = subjects.iter().map(|subject| run_case(case, subject)).collect();
        let row = Row { case: *case, cells };
        progress(&row);
        rows.push(row);
    }
    rows
}

/// Runs one case on one subject.
pub fn run_case(case: &Case, subject: &Arc<dyn Subject>) -> Cell {
    run_case_within(LIMIT, case, subject)
}

/// As [`run_case`], with another limit on its time.
pub(crate) fn run_case_within(limit: Duration, case: &Case, subject: &Arc<dyn Subject>) -> Cell {
    static HOOKS: Once = Once::new();
    HOOKS.call_once(|| {
        silence_planned_panics();
        collect_unhandled();
    });
    let begin = Instant::now();
    let carries = subject.carries();
    let other = (carries != case.carries).then(|| carries.reason());
    let lacking = || case.needs.iter().find_map(|ability| subject.lacks(*ability));
    let lacking = other.or_else(|| subject.missing()).or_else(lacking);
    let verdict = match lacking {
        Some(reason) => Verdict::Skipped(reason),
        None => match on_a_thread(limit, *case, subject.clone()) {
            Ok(()) => Verdict::Passed,
            Err(failed) => Verdict::Failed(failed.to_string()),
        },
    };
    Cell { verdict, took: begin.elapsed() }
}

fn on_a_thread(limit: Duration, case: Case, subject: Arc<dyn Subject>) -> Outcome {
    let (sender, receiver) = channel();
    let before = open_descriptors();
    let thread = thread::Builder::new().name(case.id.into()).spawn(move || {
        // The receiver is dropped when the case has taken too long.
        let _ = sender.send(try_in_worlds(&case, &*subject));
    });
    let thread = thread.map_err(|error| Failed::new(format!("cannot start a thread: {error}")))?;
    match receiver.recv_timeout(limit) {
        Ok(outcome) => {
            // The thread's local state is dropped when the thread has ended.
            let _ = thread.join();
            outcome.and(same_descriptors(before))
        }
        Err(RecvTimeoutError::Timeout) => {
            Err(Failed::new(format!("did not end within {limit:?}, and was given up")))
        }
        Err(RecvTimeoutError::Disconnected) => {
            let payload = thread.join().err();
            let message = payload.as_deref().map(panic_message);
            Err(Failed::new(format!("panicked: {}", message.unwrap_or("without a message"))))
        }
    }
}

fn try_in_worlds(case: &Case, subject: &dyn Subject) -> Outcome {
    for round in 0..subject.rounds() {
        try_in_a_world(case, subject, round).map_err(|failed| match subject.rounds() {
            1 => failed,
            _ => Failed::new(format!("round {round}: {failed}")),
        })?;
    }
    Ok(())
}

fn try_in_a_world(case: &Case, subject: &dyn Subject, round: u32) -> Outcome {
    let context = CaseContext::new(subject, round)?;
    (case.run)(&context)?;
    context.tear_down()?;
    context.end()
}

/// Waits, as a worker thread that is ending holds its loop's waker for another moment.
fn same_descriptors(before: Option<usize>) -> Outcome {
    let begin = Instant::now();
    let mut after = open_descriptors();
    while after != before && begin.elapsed() < SETTLING {
        thread::sleep(Duration::from_millis(1));
        after = open_descriptors();
    }
    if after == before {
        return Ok(());
    }
    let count = |count: Option<usize>| count.map_or("?".into(), |count| count.to_string());
    let (before, after) = (count(before), count(after));
    Err(Failed::new(format!("{before} descriptors were open before, and {after} are afterwards")))
}
