//! What programs print to standard error when they end: nothing that is no news.
//!
//! Invariant: each program is a test that runs itself again in a process of its own, whose standard error
//! is read.
#![allow(clippy::unwrap_used, reason = "a test may")]

use std::env;
use std::process::{Command, ExitCode, Output};
use std::rc::Rc;
use std::time::Duration;

use ropewalk::deferred::gather_results;
use ropewalk::prelude::*;
use ropewalk::protocol::client::ClientService;
use ropewalk::protocol::service::Service as _;
use ropewalk::protocol::task::{LoopingCall, defer_later};

/// Names, in the process of a program, the test whose program it runs.
const PROGRAM: &str = "ROPEWALK_TEST_PROGRAM";

const LONG: Duration = Duration::from_secs(100);

/// Runs `program` in a process of its own; returns whether it succeeded and what it printed to standard
/// error. In that process it does not return.
fn run<R>(variables: &[(&str, &str)], program: impl FnOnce(Reactor) -> R) -> (bool, String)
where
    R: IntoFuture<Output = Result<(), Failure>, IntoFuture: 'static>,
{
    let name = std::thread::current().name().unwrap().to_owned();
    if env::var_os(PROGRAM).is_some() {
        let code = react(program);
        std::process::exit(i32::from(code != ExitCode::SUCCESS));
    }
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", &name, "--nocapture"]).env(PROGRAM, &name);
    command.env("RUST_BACKTRACE", "0").envs(variables.iter().copied());
    let Output { status, stderr, .. } = command.output().unwrap();
    (status.success(), String::from_utf8(stderr).unwrap())
}

/// Sends this process a SIGTERM in a moment.
fn terminate_soon(reactor: &Reactor) {
    reactor.call_later(Duration::from_millis(50), || {
        let id = std::process::id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    });
}

fn quiet() -> (bool, String) {
    (true, String::new())
}

#[test]
fn a_program_that_sleeps_and_is_terminated_prints_nothing() {
    let ended = run(&[], |reactor| async move {
        terminate_soon(&reactor);
        defer_later(&reactor, LONG, || Ok::<_, Failure>(())).await
    });
    assert_eq!(ended, quiet());
}

#[test]
fn a_program_that_awaits_a_looping_call_and_is_terminated_prints_nothing() {
    let ended = run(&[], |reactor| async move {
        terminate_soon(&reactor);
        let looping = LoopingCall::new(reactor, |_| Ok::<_, Failure>(()));
        looping.start(LONG)?.await?;
        Ok(())
    });
    assert_eq!(ended, quiet());
}

#[test]
fn a_program_with_callbacks_for_what_a_timer_fires_is_terminated_and_prints_nothing() {
    let ended = run(&[], |reactor| {
        terminate_soon(&reactor);
        let (later, promise) = Deferred::<u32>::new();
        reactor.call_later(LONG, move || promise.callback(1));
        let both = gather_results([later.add_callback(|n| Ok(n + 1)), Deferred::succeed(2)]);
        both.add_callback(|_| Ok(()))
    });
    assert_eq!(ended, quiet());
}

/// Tells of its end by a promise.
struct Client {
    lost: Option<Promise<()>>,
}

impl Protocol for Client {
    fn data_received(&mut self, _: &Rc<dyn Transport>, _: &[u8]) {}

    fn connection_lost(&mut self, _: &Rc<dyn Transport>, _: &Reason) {
        if let Some(lost) = self.lost.take() {
            lost.callback(());
        }
    }
}

#[test]
fn an_attempt_that_is_refused_says_nothing_of_the_promise_in_its_protocol() {
    let ended = run(&[], |reactor| async move {
        let endpoint = Registry::standard(reactor.clone()).client("tcp:127.0.0.1:1")?;
        for _ in 0..3 {
            let (lost, promise) = Deferred::new();
            let lost = lost.add_callback(|()| Ok("the end"));
            let refused = connect_protocol(&endpoint, Client { lost: Some(promise) }).await;
            assert!(refused.is_err());
            drop(lost);
        }
        Ok(())
    });
    assert_eq!(ended, quiet());
}

#[test]
fn a_client_service_whose_waiters_wait_is_terminated_and_prints_nothing() {
    let ended = run(&[], |reactor| async move {
        terminate_soon(&reactor);
        let endpoint = Registry::standard(reactor.clone()).client("tcp:127.0.0.1:1")?;
        let service = ClientService::new(endpoint, reactor, |_| Client { lost: None });
        service.start_service()?;
        service.when_connected().add_callback(|client| client.when_lost());
        service.when_connected().await?;
        Ok(())
    });
    assert_eq!(ended, quiet());
}

#[test]
fn a_connection_that_stands_is_terminated_and_its_open_calls_print_nothing() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let ended = run(&[("ROPEWALK_TEST_PORT", &port)], |reactor| async move {
        terminate_soon(&reactor);
        let endpoint = format!("tcp:127.0.0.1:{}", env::var("ROPEWALK_TEST_PORT")?);
        let endpoint = Registry::standard(reactor.clone()).client(&endpoint)?;
        let client = connect_protocol(&endpoint, Client { lost: None }).await?;
        let lost = client.when_lost().add_callback(|reason| Ok(reason.is_clean()));
        let (answer, promise) = Deferred::<()>::new();
        reactor.call_later(LONG, move || promise.callback(()));
        let asked = client.call(move |_, _| answer).add_errback(|failure| {
            assert!(failure.check::<Reason>());
            Ok(())
        });
        asked.await?;
        lost.await?;
        Ok(())
    });
    assert_eq!(ended, quiet());
    drop(listener);
}

#[test]
fn a_gathering_that_is_cancelled_says_nothing_of_its_members() {
    let ended = run(&[], |_| async {
        let members: Vec<(Deferred<u32>, _)> = (0..5).map(|_| Deferred::new()).collect();
        let (members, promises): (Vec<_>, Vec<_>) = members.into_iter().unzip();
        let all = gather_results(members);
        all.cancel_handle().cancel();
        assert!(all.await.is_err());
        drop(promises);
        Ok(())
    });
    assert_eq!(ended, quiet());
}

/// The lines of standard error but those of std's own panic hook.
fn without_panic_hook(text: &str) -> Vec<&str> {
    let is_hook = |line: &&str| {
        let starts = ["thread '", "note: run with", "oops"];
        line.is_empty() || starts.iter().any(|start| line.starts_with(start))
    };
    text.lines().filter(|line| !is_hook(line)).collect()
}

#[test]
fn a_panic_of_a_task_is_told_once_and_fails_the_program() {
    for awaited in [false, true] {
        let variable = [("ROPEWALK_TEST_AWAITED", if awaited { "yes" } else { "" })];
        let awaited = move || env::var("ROPEWALK_TEST_AWAITED").is_ok_and(|text| text == "yes");
        let (success, printed) = run(&variable, |reactor| async move {
            if awaited() {
                let task: Deferred<()> = reactor.spawn(async { panic!("oops") });
                task.await?;
            }
            panic!("oops")
        });
        assert!(!success);
        assert_eq!(without_panic_hook(&printed), ["a task panicked: oops"]);
    }
}

#[test]
fn an_unhandled_error_is_told_with_its_place_where_the_environment_asks_for_it() {
    let program = |_: Reactor| async {
        drop(Deferred::<u32>::fail(Failure::msg("lost in the woods")));
        Ok(())
    };
    let (_, plain) = run(&[("ROPEWALK_DEBUG", "")], program);
    assert_eq!(plain, "unhandled error in Deferred<u32>: lost in the woods\n");
    let (_, placed) = run(&[("ROPEWALK_DEBUG", "1")], program);
    assert!(placed.contains("lost in the woods (made at "), "{placed}");
    assert!(placed.contains("printed.rs:"), "{placed}");
}

#[test]
fn a_failed_program_prints_one_sentence_with_its_causes() {
    let (success, printed) = run(&[], |reactor| async move {
        let endpoint = Registry::standard(reactor.clone()).client("tcp:127.0.0.1:1")?;
        connect_protocol(&endpoint, Client { lost: None }).await?;
        Ok(())
    });
    assert!(!success);
    let refused = "main failed: cannot connect to 127.0.0.1:1: Connection refused (os error 111)\n";
    assert_eq!(printed, refused);
}
