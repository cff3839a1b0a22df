//! Claims about signals: the first drains, the second ends, and work that does not end is not waited for
//! for ever.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use deferred::{Deferred, Promise};
use interfaces::{ReactorCore as _, ReactorTime as _};
use reactor::Reactor;
use reactor::simulated::Simulated;
use ropewalk_runner::{Exit, Log, LogFormat, LogLevel, Runner};

use crate::support::{Buffer, Journal, Noted, quiet};

const SECOND: Duration = Duration::from_secs(1);
const SIGHUP: i32 = 1;
const SIGINT: i32 = 2;
const SIGTERM: i32 = 15;

struct Scene {
    reactor: Reactor<Simulated>,
    journal: Journal,
    service: Rc<Noted>,
    /// The work in flight, and whether there is some.
    work: Rc<RefCell<Option<Promise<()>>>>,
    has_work: Rc<Cell<bool>>,
    log: Buffer,
}

impl Scene {
    fn new() -> Self {
        let journal = Journal::default();
        Self {
            reactor: quiet(),
            service: Noted::new(&journal),
            journal,
            work: Rc::default(),
            has_work: Rc::new(Cell::new(true)),
            log: Buffer::default(),
        }
    }

    fn runner(&self) -> Runner<Reactor<Simulated>> {
        let (work, has_work) = (self.work.clone(), self.has_work.clone());
        let log = Log::to_writer(LogLevel::Warn, LogFormat::Text, Box::new(self.log.clone()));
        Runner::new(self.reactor.clone(), self.service.clone())
            .grace(SECOND * 10)
            .log(log.unwrap())
            .drain(move || {
                let (drained, promise) = Deferred::new();
                match has_work.get() {
                    true => drop(work.replace(Some(promise))),
                    false => promise.callback(()),
                }
                drained
            })
    }

    /// Does this at this time of the run.
    fn after(&self, time: Duration, call: impl FnOnce(&Reactor<Simulated>) + 'static) {
        let reactor = self.reactor.clone();
        self.reactor.call_later(time, move || call(&reactor));
    }

    fn raise(&self, time: Duration, signal: i32) {
        self.after(time, move |reactor| assert!(reactor.system().raise(signal)));
    }

    /// Runs, and tells how long.
    fn run(&self, runner: Runner<Reactor<Simulated>>) -> (Exit, u64) {
        let begin = self.reactor.now();
        let exit = runner.run();
        (exit, (self.reactor.now() - begin).as_secs())
    }
}

#[test]
fn a_signal_stops_the_service_waits_for_the_work_and_ends() {
    let scene = Scene::new();
    scene.raise(SECOND, SIGTERM);
    let (work, journal) = (scene.work.clone(), scene.journal.clone());
    scene.after(SECOND * 4, move |_| {
        journal.note("done");
        let promise = work.take().unwrap();
        promise.callback(());
    });
    let (exit, seconds) = scene.run(scene.runner());
    assert_eq!((exit.status().number(), seconds), (0, 4));
    assert_eq!(scene.journal.lines(), ["privileged start", "start", "stop", "done"]);
    assert_eq!(scene.log.text(), "");
}

#[test]
fn without_work_a_signal_ends_it_at_once() {
    let scene = Scene::new();
    scene.has_work.set(false);
    scene.raise(SECOND, SIGINT);
    let (exit, seconds) = scene.run(scene.runner());
    assert_eq!((exit.signal(), seconds), (Some(SIGINT), 1));
}

#[test]
fn a_stop_that_takes_its_time_is_waited_for() {
    let scene = Scene::new();
    scene.has_work.set(false);
    let (stopped, promise) = Deferred::new();
    scene.service.stop.set(Some(stopped));
    scene.raise(SECOND, SIGTERM);
    scene.after(SECOND * 3, move |_| promise.callback(()));
    assert_eq!(scene.run(scene.runner()).1, 3);
}

#[test]
fn work_that_does_not_end_has_the_time_of_grace_and_is_told_of() {
    let scene = Scene::new();
    scene.raise(SECOND, SIGTERM);
    let (exit, seconds) = scene.run(scene.runner());
    assert_eq!((exit.signal(), seconds), (Some(SIGTERM), 11));
    assert!(scene.log.text().ends_with("[runner#warn] not all work was done within 10s\n"));
}

#[test]
fn a_second_signal_ends_it_now() {
    let scene = Scene::new();
    scene.raise(SECOND, SIGTERM);
    scene.raise(SECOND * 3, SIGINT);
    let (exit, seconds) = scene.run(scene.runner());
    assert_eq!((exit.signal(), seconds), (Some(SIGTERM), 3), "the first one stopped it");
}

#[test]
fn a_reactor_that_the_program_stops_drains_too_and_ends_by_no_signal() {
    let scene = Scene::new();
    scene.after(SECOND, |reactor| reactor.stop().unwrap());
    let work = scene.work.clone();
    scene.after(SECOND * 2, move |_| {
        let promise = work.take().unwrap();
        promise.callback(());
    });
    let (exit, seconds) = scene.run(scene.runner());
    assert_eq!((exit.signal(), seconds), (None, 2));
    assert_eq!(scene.journal.lines().last().map(String::as_str), Some("stop"));
}

#[test]
fn a_program_that_stops_itself_is_not_held_back_beyond_the_grace_nor_a_signal() {
    let scene = Scene::new();
    scene.after(SECOND, |reactor| reactor.stop().unwrap());
    assert_eq!(scene.run(scene.runner()).1, 11);
    let scene = Scene::new();
    scene.after(SECOND, |reactor| reactor.stop().unwrap());
    scene.raise(SECOND * 2, SIGTERM);
    assert_eq!(scene.run(scene.runner()).1, 2);
}

#[test]
fn a_hangup_calls_its_hook_each_time_and_ends_nothing() {
    let scene = Scene::new();
    scene.has_work.set(false);
    let journal = scene.journal.clone();
    scene.raise(SECOND, SIGHUP);
    scene.raise(SECOND * 2, SIGHUP);
    scene.raise(SECOND * 3, SIGTERM);
    let runner = scene.runner().on_hangup(move || journal.note("hangup"));
    assert_eq!(scene.run(runner).1, 3);
    let order = ["privileged start", "start", "hangup", "hangup", "stop"];
    assert_eq!(scene.journal.lines(), order);
}

/// twist-024
#[test]
fn a_program_that_a_signal_stopped_ends_by_it_and_any_other_by_its_status() {
    for signal in [SIGINT, SIGTERM] {
        let scene = Scene::new();
        scene.has_work.set(false);
        scene.raise(SECOND, signal);
        let (exit, _) = scene.run(scene.runner());
        assert_eq!((exit.signal(), exit.status().number()), (Some(signal), 0));
        assert_eq!(exit.without_signal().signal(), None);
    }
    let scene = Scene::new();
    scene.has_work.set(false);
    scene.after(SECOND, |reactor| reactor.stop().unwrap());
    assert_eq!(scene.run(scene.runner()).0.signal(), None);
}
