//! Each family of cases finds the faults it tests for.

use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deferred::{Cancelled, Deferred, Failure};

use super::Fault;
use super::world::FaultySubject;
use crate::suite::matrix::run_case_within;
use crate::suite::subjects::{Memory, SimulatedProcesses, SimulatedUdp, tcp4};
use crate::suite::{
    Ability, Carries, Case, CaseContext, Outcome, Subject, Verdict, World, all_cases,
    panic_as_planned, run_case,
};

/// Its clock is virtual, so that a wait in vain is short.
const UDP: SimulatedUdp = SimulatedUdp { seeds: 1 };

/// Likewise.
const CHILDREN: SimulatedProcesses = SimulatedProcesses { seeds: 1 };

/// The suite counts the descriptors of the process, so one case runs at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn verdict(case: &Case, subject: Arc<dyn Subject>) -> Verdict {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    run_case(case, &subject).verdict
}

fn case(id: &str) -> Case {
    all_cases().into_iter().find(|case| case.id == id).expect("the table has this case")
}

/// These cases pass without the fault, and fail with it.
fn finds(below: impl Subject + Clone, fault: Fault, ids: &[&str]) {
    for id in ids {
        let case = case(id);
        assert_eq!(verdict(&case, Arc::new(below.clone())), Verdict::Passed, "{id}");
        let faulty = FaultySubject { below: Arc::new(below.clone()), fault };
        let verdict = verdict(&case, Arc::new(faulty));
        assert!(matches!(verdict, Verdict::Failed(_)), "{id} does not see {fault:?}");
    }
}

#[test]
fn the_stream_cases_see_lost_bytes_and_wrong_ends() {
    let order = ["stream/written-at-once", "stream/large", "stream/both-ways", "stream/relay"];
    finds(Memory, Fault::LosesByte, &order);
    finds(Memory, Fault::EndsTwice, &["stream/close-is-clean", "stream/dead-transport"]);
    finds(Memory, Fault::NeverEnds, &["stream/end-comes-later", "stream/silent-after-lose"]);
    finds(Memory, Fault::EndsUncleanly, &["stream/close-is-clean", "stream/ping-pong"]);
    finds(Memory, Fault::ClosesRudely, &["stream/write-after-lose", "stream/close-keeps-output"]);
    finds(Memory, Fault::ClosesLate, &["stream/write-after-lose", "stream/silent-after-lose"]);
    let paused = ["stream/paused-is-silent", "stream/end-waits-for-resume", "stream/full-wire"];
    finds(Memory, Fault::IgnoresPause, &paused);
}

#[test]
fn the_abort_cases_see_an_end_inside_the_call_and_a_gentle_abort() {
    finds(Memory, Fault::EndsInsideTheCall, &["abort/from-a-timer", "abort/between-writes"]);
    finds(Memory, Fault::AbortsGently, &["abort/reasons", "abort/after-lose", "abort/full-wire"]);
}

#[test]
fn the_half_close_cases_see_a_full_close_and_a_silent_one() {
    finds(Memory, Fault::HalfClosesFully, &["halfclose/each-closes", "halfclose/by-the-server"]);
    finds(Memory, Fault::HalfClosesSilently, &["halfclose/closer-and-peer"]);
}

#[test]
fn the_producer_cases_see_a_producer_that_is_forgotten_or_replaced() {
    let all = ["producer/pause-and-resume", "producer/pull", "producer/lose-waits-for-unregister"];
    finds(Memory, Fault::ForgetsProducer, &all);
    finds(Memory, Fault::TakesAnyProducer, &["producer/second-one"]);
}

#[test]
fn the_time_cases_see_calls_that_come_early_or_inside() {
    finds(Memory, Fault::CallsEarly, &["time/due-time", "time/never-back"]);
    finds(Memory, Fault::CallsInside, &["time/never-inside"]);
}

#[test]
fn the_threads_cases_see_work_that_the_loop_does_itself() {
    finds(tcp4(), Fault::WorksOnTheLoop, &["threads/work", "threads/not-before-the-start"]);
}

#[test]
fn the_datagram_cases_see_datagrams_that_are_lost_or_changed() {
    finds(UDP, Fault::LosesDatagram, &["datagram/runs"]);
    let content = ["datagram/echo", "datagram/pieces", "datagram/runs", "datagram/connected"];
    finds(UDP, Fault::ChangesDatagram, &content);
    finds(UDP, Fault::HidesSender, &["datagram/echo", "datagram/connected"]);
    finds(UDP, Fault::HidesTruncation, &["datagram/truncated"]);
    finds(UDP, Fault::HidesRefusal, &["datagram/refused"]);
}

#[test]
fn the_datagram_cases_see_a_start_that_is_missing_and_a_stop_that_is_not_once() {
    finds(UDP, Fault::NeverStarts, &["datagram/start-and-stop", "datagram/again"]);
    let stops = ["datagram/start-and-stop", "datagram/again", "datagram/after-stop"];
    finds(UDP, Fault::StopsTwice, &stops);
    finds(UDP, Fault::NeverStops, &["datagram/stop-inside-start", "datagram/after-stop"]);
}

#[test]
fn the_process_cases_see_bytes_that_are_lost_and_ends_that_are_wrong() {
    finds(CHILDREN, Fault::LosesByte, &["process/echo", "process/producer"]);
    finds(CHILDREN, Fault::LosesLastBytes, &["process/dies-behind-its-bytes", "process/paused"]);
    finds(CHILDREN, Fault::MixesPipes, &["process/apart", "process/stages", "process/many"]);
    finds(CHILDREN, Fault::HidesExit, &["process/signals", "process/exits-unread"]);
    finds(CHILDREN, Fault::EndsTwice, &["process/stages", "process/many"]);
    finds(CHILDREN, Fault::EndsAsDone, &["process/output-closed", "process/outlives-its-pipes"]);
    finds(CHILDREN, Fault::IgnoresPause, &["process/paused", "process/killed-in-a-write"]);
    finds(CHILDREN, Fault::SendsAnotherSignal, &["process/signals", "process/never-reads"]);
    finds(CHILDREN, Fault::KeepsNumber, &["process/number"]);
    finds(CHILDREN, Fault::ForgetsProducer, &["process/producer"]);
}

#[test]
fn whatever_a_case_leaves_behind_fails_it() {
    finds(Memory, Fault::LeavesTimer, &["stream/close-is-clean", "abort/twice"]);
    finds(Memory, Fault::KeepsProtocol, &["stream/close-is-clean", "halfclose/twice"]);
    let leaks: [(&str, fn(&CaseContext) -> Outcome); 3] = [
        ("test/descriptor", |_| {
            let file = std::fs::File::open("/proc/self/status").map_err(deferred::Failure::new)?;
            std::mem::forget(file);
            Ok(())
        }),
        ("test/error", |_| {
            drop(Deferred::<()>::fail(Cancelled));
            Ok(())
        }),
        ("test/connection", |t| {
            t.pair(crate::suite::Script::new(), crate::suite::Script::new()).map(drop)
        }),
    ];
    for (id, run) in leaks {
        let verdict = verdict(&Case::new(id, "leaks", run), Arc::new(Memory));
        assert!(matches!(verdict, Verdict::Failed(_)), "{id}: {verdict:?}");
    }
}

#[test]
fn a_case_that_never_ends_is_given_up_after_its_time() {
    static OVER: AtomicBool = AtomicBool::new(false);
    let endless = Case::new("test/endless", "never ends", |_| {
        while !OVER.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    });
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let subject: Arc<dyn Subject> = Arc::new(Memory);
    let outcome = run_case_within(Duration::from_millis(50), &endless, &subject).verdict;
    OVER.store(true, Ordering::Relaxed);
    let Verdict::Failed(story) = outcome else { panic!("{outcome:?}") };
    assert!(story.contains("did not end within 50ms"), "{story}");
}

#[test]
fn a_wait_ends_as_soon_as_a_callback_has_panicked() {
    let waits = Case::new("test/waits", "waits for what a callback never does", |t| {
        let script = crate::suite::Script::new().data(|_, _| panic!("the callback is broken"));
        let pair = t.pair(script, crate::suite::Script::new())?;
        pair.client.transport()?.write(b"x");
        t.until("the callback has done it", || false)
    });
    let outcome = verdict(&waits, Arc::new(tcp4()));
    let Verdict::Failed(story) = outcome else { panic!("{outcome:?}") };
    assert!(story.contains("waited in vain until the callback has done it"), "{story}");
    assert!(story.contains("the callback is broken"), "without a wait of 20 s: {story}");
}

#[test]
fn the_two_sides_of_a_pair_come_from_the_subject_whatever_its_kind() {
    let subjects = crate::suite::subjects::all().expect("the subjects are made");
    let mut names = Vec::new();
    for subject in subjects.into_iter().filter(|it| it.carries() == Carries::Streams) {
        let outcome = verdict(&case("stream/ping-pong"), subject.clone());
        assert_eq!(outcome, Verdict::Passed, "{}", subject.name());
        names.push(subject.name().to_owned());
    }
    for kind in ["tcp4", "tcp6", "unix", "tls-tcp", "adopted", "stdio", "memory", "simulated"] {
        assert!(names.iter().any(|name| name.starts_with(kind)), "{kind}: {names:?}");
    }
}

#[test]
fn a_case_that_panics_has_failed_and_one_without_its_ability_is_skipped_with_the_reason() {
    let panics = Case::new("test/panics", "panics", |_| {
        panic_as_planned("to see what comes of it");
        Ok(())
    });
    let outcome = verdict(&panics, Arc::new(Memory));
    assert_eq!(outcome, Verdict::Failed("panicked: planned: to see what comes of it".to_owned()));
    let skipped = verdict(&case("tcp/no-delay"), Arc::new(Memory));
    assert!(matches!(skipped, Verdict::Skipped(reason) if reason.contains("no socket")));
}

/// A kind of transport that this machine does not have.
struct Missing;

impl Subject for Missing {
    fn name(&self) -> &str {
        "missing"
    }

    fn missing(&self) -> Option<&'static str> {
        Some("this machine has no such wire")
    }

    fn lacks(&self, _: Ability) -> Option<&'static str> {
        None
    }

    fn world(&self, _: u32) -> Result<Rc<dyn World>, Failure> {
        panic!("no world is built")
    }
}

#[test]
fn every_case_on_a_subject_that_this_machine_does_not_have_is_skipped_with_the_reason() {
    let missing: Arc<dyn Subject> = Arc::new(Missing);
    for case in all_cases().into_iter().filter(|case| case.carries == Carries::Streams) {
        let skipped = run_case(&case, &missing).verdict;
        assert_eq!(skipped, Verdict::Skipped("this machine has no such wire"), "{}", case.id);
    }
}
