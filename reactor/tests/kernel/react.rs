//! Programs that `react` runs: when they end, and with which exit code.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt;
use std::future::pending;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use crate::support::child::in_child;
use deferred::{Deferred, Failure, Promise};
use interfaces::{Observer, Phase, ReactorCore as _, ReactorEvent, ReactorTime as _, SystemEvent};
use ropewalk_reactor::simulated::{Faults, Simulated};
use ropewalk_reactor::{Counts, Reactor, SystemExit, react};

#[derive(Debug)]
struct Trouble;

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("trouble")
    }
}

impl Error for Trouble {}

/// Keeps what failed, and panics.
#[derive(Default)]
struct Failed(RefCell<Vec<String>>);

impl Observer for Failed {
    fn observe(&self, event: &ReactorEvent<'_>) {
        match event {
            ReactorEvent::Failed { attempt, error } => {
                self.0.borrow_mut().push(format!("{attempt}: {error}"));
            }
            ReactorEvent::CallbackPanicked { callback, message, .. } => {
                self.0.borrow_mut().push(format!("{callback} panicked: {message}"));
            }
            _ => {}
        }
    }
}

/// A reactor whose clock jumps, and its log.
fn simulated() -> (Reactor<Simulated>, Rc<Failed>) {
    let reactor = Reactor::simulated(1);
    reactor.system().set_faults(Faults::none());
    let failed = Rc::new(Failed::default());
    reactor.set_observer(failed.clone());
    (reactor, failed)
}

/// Runs a program, asserts that nothing is left of it, and returns the log.
fn run<R>(main: impl FnOnce(Reactor<Simulated>) -> R) -> (ExitCode, Vec<String>, Duration)
where
    R: IntoFuture<Output = Result<(), Failure>, IntoFuture: 'static>,
{
    let (reactor, failed) = simulated();
    let begin = reactor.now();
    let exit = reactor.react(main);
    assert_eq!(reactor.counts(), Counts::default());
    (exit, failed.0.take(), reactor.now() - begin)
}

const SECOND: Duration = Duration::from_secs(1);

/// How a program ends, and the exit code and log to expect.
fn endings() -> [(Result<(), Failure>, ExitCode, &'static [&'static str]); 2] {
    [
        (Ok(()), ExitCode::SUCCESS, &[]),
        (Err(Failure::new(Trouble)), ExitCode::FAILURE, &["main: trouble"]),
    ]
}

/// task-028, task-030
#[test]
fn it_runs_until_the_program_is_done_and_timers_run_meanwhile() {
    for (ending, expected, logged) in endings() {
        let ticks = Rc::new(Cell::new(0));
        let tick = ticks.clone();
        let (exit, log, time) = run(move |reactor| {
            let (done, promise) = Deferred::<()>::new();
            reactor.call_later(SECOND, move || tick.set(tick.get() + 1));
            reactor.call_later(2 * SECOND, move || promise.fire(ending));
            done
        });
        assert_eq!((exit, ticks.get()), (expected, 1));
        assert_eq!(log, logged);
        assert!(time >= 2 * SECOND && time < 3 * SECOND, "{time:?}");
    }
}

/// task-028, task-030
#[test]
fn it_runs_an_async_function_until_it_is_done() {
    async fn program(
        reactor: Reactor<Simulated>,
        ending: Result<(), Failure>,
        ticks: Rc<Cell<u32>>,
    ) -> Result<(), Failure> {
        for _ in 0..2 {
            let (wait, promise) = Deferred::<()>::new();
            reactor.call_later(SECOND, move || promise.callback(()));
            wait.await?;
            ticks.set(ticks.get() + 1);
        }
        ending
    }
    for (ending, expected, logged) in endings() {
        let ticks = Rc::new(Cell::new(0));
        let own = ticks.clone();
        let (exit, log, time) = run(|reactor| program(reactor, ending, own));
        assert_eq!((exit, ticks.get()), (expected, 2));
        assert_eq!(log, logged);
        assert!(time >= 2 * SECOND && time < 3 * SECOND, "{time:?}");
    }
}

/// task-029, task-031
#[test]
fn a_program_that_is_done_at_once_starts_and_stops_the_reactor_at_once() {
    for (ending, expected, logged) in endings() {
        let started = Rc::new(Cell::new(false));
        let told = started.clone();
        let (exit, log, time) = run(move |reactor| {
            reactor.call_when_running(Box::new(move || told.set(true)));
            async { ending }
        });
        assert_eq!((exit, started.get()), (expected, true));
        assert_eq!(log, logged);
        assert!(time < SECOND, "{time:?}");
    }
    let (exit, _, _) = run(|_| Deferred::<()>::succeed(()));
    assert_eq!(exit, ExitCode::SUCCESS);
}

/// task-032
#[test]
fn an_end_that_comes_while_the_reactor_is_stopping_counts() {
    for phase in [Phase::Before, Phase::During, Phase::After] {
        for (ending, expected, logged) in endings() {
            let (exit, log, _) = run(move |reactor| {
                let (done, promise) = Deferred::<()>::new();
                let trigger = move || {
                    promise.fire(ending);
                    Deferred::succeed(())
                };
                let shutdown = SystemEvent::Shutdown;
                reactor.add_system_event_trigger(phase, shutdown, Box::new(trigger));
                let stopper = reactor.clone();
                reactor.call_later(SECOND, move || stopper.stop().unwrap());
                done
            });
            assert_eq!(exit, expected, "{phase:?}");
            assert_eq!(log, logged);
        }
    }
}

/// task-034
#[test]
fn without_a_reactor_it_makes_one_and_hands_it_to_the_program() {
    in_child(|| {
        let ran = Rc::new(Cell::new(false));
        let told = ran.clone();
        let exit = react(|reactor: Reactor| async move {
            let (wait, promise) = Deferred::<()>::new();
            reactor.call_later(Duration::ZERO, move || promise.callback(()));
            wait.await?;
            told.set(reactor.running());
            Ok(())
        });
        assert_eq!((exit, ran.get()), (ExitCode::SUCCESS, true));
    });
}

#[test]
fn a_signal_stops_a_program_that_react_runs() {
    in_child(|| {
        let exit = react(|reactor| async move {
            // SAFETY: it takes two numbers, and the signal is caught.
            let raise = || assert_eq!(unsafe { libc::raise(libc::SIGTERM) }, 0);
            reactor.call_later(Duration::ZERO, raise);
            pending().await
        });
        assert_eq!(exit, ExitCode::SUCCESS);
    });
}

/// task-035
#[test]
fn an_error_may_carry_an_exit_code_and_is_not_logged() {
    for code in [0, 23, 255] {
        let (exit, log, _) = run(|_| async move { Err(SystemExit(code).into()) });
        assert_eq!((exit, log), (ExitCode::from(code), vec![]));
    }
    assert_eq!(SystemExit(23).to_string(), "exit with code 23");
}

/// task-036
#[test]
fn stopping_right_before_the_end_is_no_error() {
    let (exit, log, _) = run(|reactor| {
        let (done, promise) = Deferred::<()>::new();
        let stopper = reactor.clone();
        reactor.call_when_running(Box::new(move || {
            stopper.stop().unwrap();
            promise.callback(());
        }));
        done
    });
    assert_eq!((exit, log), (ExitCode::SUCCESS, vec![]));
}

/// task-037
#[test]
fn stopping_a_program_that_never_ends_is_success() {
    let kept: Rc<Cell<Option<Promise<()>>>> = Rc::default();
    for deferred in [false, true] {
        let keep = kept.clone();
        let (exit, log, _) = run(move |reactor| {
            let stopper = reactor.clone();
            reactor.call_later(SECOND, move || stopper.stop().unwrap());
            async move {
                if deferred {
                    let (never, promise) = Deferred::<()>::new();
                    keep.set(Some(promise));
                    never.await
                } else {
                    pending().await
                }
            }
        });
        assert_eq!((exit, log), (ExitCode::SUCCESS, vec![]));
    }
    assert!(kept.take().unwrap().is_cancelled());
}

#[test]
fn a_program_that_panics_has_failed() {
    let (exit, log, _) = run(|reactor| async move {
        let (wait, promise) = Deferred::<()>::new();
        reactor.call_later(SECOND, move || promise.callback(()));
        wait.await?;
        panic!("on purpose")
    });
    let told = "task panicked: on purpose".to_string();
    assert_eq!((exit, log), (ExitCode::FAILURE, vec![told]), "once");
}

#[test]
fn a_reactor_that_runs_takes_no_program() {
    let (exit, log, _) = run(|reactor| async move {
        let (wait, promise) = Deferred::<()>::new();
        reactor.call_later(SECOND, move || promise.callback(()));
        wait.await?;
        let exit = reactor.react(|_| -> Deferred<()> { panic!("it is not called") });
        assert_eq!(exit, ExitCode::FAILURE);
        Ok(())
    });
    assert_eq!(exit, ExitCode::SUCCESS);
    assert_eq!(log, ["running the reactor: cannot run the reactor: it runs already"]);
}

#[test]
fn one_reactor_may_run_several_programs_one_after_the_other() {
    let (reactor, failed) = simulated();
    for (ending, expected, _) in endings() {
        assert_eq!(reactor.react(|_| async { ending }), expected);
    }
    assert_eq!(failed.0.take(), ["main: trouble"]);
}
