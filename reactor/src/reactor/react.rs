//! [`react`]: a program that is one future; Twisted's `twisted.internet.task.react`.
//!
//! Invariant: a failure of the program is told once, and its end stops the reactor unless that stops
//! already.

use std::cell::Cell;
use std::error::Error;
use std::fmt;
use std::io;
use std::process::ExitCode;
use std::rc::Rc;

use deferred::Failure;
use interfaces::{Observer as _, ReactorEvent};

use super::Reactor;
use crate::core::Core;
use crate::core::stage::Stage;
use crate::kernel::standard_error::StandardError;
use crate::run::lifetime;
use crate::sys::StreamSys;

/// What a program that failed answers to its caller.
const FAILED: u8 = 1;

/// Runs a program: makes a reactor, gives it to `main`, and runs it until what `main` has returned,
/// a future or a [`Deferred`](deferred::Deferred), is done. The answer is for `fn main` to return.
///
/// It is [`Reactor::react`] on a reactor of its own, which `SIGINT` and `SIGTERM` stop. A program
/// that is stopped by them, or by [`stop`](interfaces::ReactorCore::stop), has succeeded.
///
/// # Panics
///
/// When `main` does before it has returned the future.
///
/// # Examples
///
/// ```
/// use std::process::ExitCode;
/// use std::time::Duration;
///
/// use deferred::{Deferred, Failure};
/// use ropewalk_reactor::{Reactor, react};
///
/// async fn program(reactor: Reactor) -> Result<(), Failure> {
///     let (later, promise) = Deferred::<&str>::new();
///     reactor.call_later(Duration::from_millis(1), move || promise.callback("a moment later"));
///     println!("{}", later.await?);
///     Ok(())
/// }
///
/// fn main() -> ExitCode {
///     react(program)
/// }
/// ```
///
/// # Differences from Twisted
///
/// It returns the exit code instead of raising `SystemExit`, and makes a reactor instead of taking
/// the global one. Arguments for `main` are what its closure captures.
pub fn react<R>(main: impl FnOnce(Reactor) -> R) -> ExitCode
where
    R: IntoFuture<Output = Result<(), Failure>, IntoFuture: 'static>,
{
    match stoppable() {
        Ok(reactor) => reactor.react(main),
        Err(error) => {
            let attempt = "making a reactor";
            StandardError.observe(&ReactorEvent::Failed { attempt, error: &error });
            ExitCode::from(FAILED)
        }
    }
}

fn stoppable() -> io::Result<Reactor> {
    let reactor = Reactor::new()?;
    reactor.stop_on_signals()?;
    Ok(reactor)
}

impl<S: StreamSys> Reactor<S> {
    /// Runs a program on this reactor: calls `main`, runs until what it has returned is done, and
    /// stops.
    ///
    /// The answer is success when the program has ended with `Ok`, or when something stopped the
    /// reactor before. When it ended with an error, the observer is told, and the answer is 1; when
    /// that is a [`SystemExit`], the observer is not told, and the answer is its code. An end that comes while
    /// the reactor is stopping counts.
    ///
    /// `main` is called before the reactor runs, so what it begins by hand can't be stopped yet.
    ///
    /// # Panics
    ///
    /// When `main` does before it has returned the future. A panic in the future is told to the
    /// observer, and the program has failed.
    pub fn react<R>(&self, main: impl FnOnce(Self) -> R) -> ExitCode
    where
        R: IntoFuture<Output = Result<(), Failure>, IntoFuture: 'static>,
    {
        let code = Rc::new(Cell::new(0));
        if let Err(error) = self.refuse_if_running() {
            return self.cannot_run(&error);
        }
        let (ended, core) = (code.clone(), self.core().me.clone());
        let finished = self.spawn(main(self.clone()).into_future()).add_both(move |result| {
            if let Some(core) = core.upgrade() {
                program_ended(&core, &result, &ended);
            }
            Ok::<(), Failure>(())
        });
        // Its callback does the rest.
        drop(finished);
        match self.run() {
            Ok(()) => ExitCode::from(code.get()),
            Err(error) => self.cannot_run(&error),
        }
    }

    fn cannot_run(&self, error: &io::Error) -> ExitCode {
        self.core().observe(&ReactorEvent::Failed { attempt: "running the reactor", error });
        ExitCode::from(FAILED)
    }
}

/// Notes how the program ended, and stops the reactor.
fn program_ended<S: StreamSys>(core: &Core<S>, result: &Result<(), Failure>, code: &Cell<u8>) {
    if core.run_state.stage() == Stage::Stopped {
        // The run is over and drops a program that had not ended.
        return;
    }
    if let Err(failure) = result {
        match failure.downcast_ref::<SystemExit>() {
            Some(SystemExit(chosen)) => code.set(*chosen),
            None => {
                // That of a program that panicked is told as its panic.
                if !failure.is_quiet() {
                    let error = failure.as_error();
                    core.observe(&ReactorEvent::Failed { attempt: "main", error });
                }
                code.set(FAILED);
            }
        }
    }
    let me = core.me.clone();
    core.when_running(Box::new(move || {
        // It may be stopping already.
        let _ = me.upgrade().map(|core| lifetime::stop(&core));
    }));
}

/// An error that ends a program with an exit code of its own, without a word to the observer.
/// Python's `SystemExit`, as Twisted's `react` takes it.
///
/// # Examples
///
/// ```
/// use std::process::ExitCode;
///
/// use deferred::Deferred;
/// use ropewalk_reactor::{SystemExit, react};
///
/// let exit = react(|_reactor| Deferred::fail(SystemExit(23)));
/// assert_eq!(exit, ExitCode::from(23));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[doc(alias = "react")]
pub struct SystemExit(pub u8);

impl fmt::Display for SystemExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit with code {}", self.0)
    }
}

impl Error for SystemExit {}
