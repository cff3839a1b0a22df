//! Programs that are run for their output or their exit code.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use deferred::{Cancelled, Deferred, Failure};
use interfaces::{BufferLimits, ProcessReason, ReactorCore as _, SpawnError, SpawnProcess};
use protocol::process::{
    ErrorOutput, RunError, RunProcess, get_process_output, get_process_output_and_value,
    get_process_value,
};
use ropewalk_reactor::{Counts, Reactor};

use crate::support::child::in_child;
use crate::support::program::{script, zombies};
use crate::support::turn_until;

fn run(text: &str) -> RunProcess {
    RunProcess::from(script(text))
}

/// Turns until the Deferred has fired.
fn result<T: 'static>(reactor: &Reactor, deferred: Deferred<T>) -> Result<T, Failure> {
    turn_until(reactor, "it has fired", || deferred.is_fired());
    deferred.try_into_result().ok().unwrap()
}

/// Turns until no process is left.
fn settle(reactor: &Reactor) {
    turn_until(reactor, "the process ended", || reactor.counts() == Counts::default());
}

#[test]
fn the_output_is_all_that_the_program_wrote_whatever_its_exit_code() {
    let reactor = Reactor::new().unwrap();
    for text in
        ["echo foo; echo bar", "echo foo; echo bar; exit 1", "echo foo; echo bar; kill -9 $$"]
    {
        let output = result(&reactor, get_process_output(&reactor, &run(text))).unwrap();
        assert_eq!(output, b"foo\nbar\n", "{text}");
    }
    assert_eq!(reactor.counts(), Counts::default(), "no timer is left, either");
}

#[test]
fn bytes_on_the_standard_error_fail_the_output_at_once_and_the_end_is_told_when_it_comes() {
    let reactor = Reactor::new().unwrap();
    // It goes on until its output is not taken any more.
    let text = "echo wrong >&2; while echo more; do sleep 0.01; done 2>/dev/null; exit 0";
    let error = result(&reactor, get_process_output(&reactor, &run(text))).unwrap_err();
    let error = error.downcast_ref::<RunError>().unwrap();
    assert_eq!(error.to_string(), "process wrote to its standard error: wrong");
    let RunError::WroteErrors { errors, ended } = error else { panic!("{error:?}") };
    assert_eq!(errors, b"wrong\n");
    let ended = ended.take().unwrap();
    assert!(!ended.is_fired(), "it runs");
    let reason = result(&reactor, ended).unwrap();
    assert!(matches!(reason, ProcessReason::Done | ProcessReason::Terminated(_)));
    settle(&reactor);
}

#[test]
fn bytes_on_the_standard_error_are_output_if_they_are_asked_for() {
    let reactor = Reactor::new().unwrap();
    let both = run("printf foo; printf foo >&2").with_error_output(ErrorOutput::Collected);
    let output = result(&reactor, get_process_output(&reactor, &both)).unwrap();
    assert_eq!(output, b"foofoo");
}

#[test]
fn the_value_is_the_exit_code() {
    let reactor = Reactor::new().unwrap();
    for code in [0, 1, 77] {
        let value = get_process_value(&reactor, &run(&format!("echo much >&2; exit {code}")));
        assert_eq!(result(&reactor, value).unwrap(), code);
    }
    let error = result(&reactor, get_process_value(&reactor, &run("kill -TERM $$"))).unwrap_err();
    match error.downcast_ref::<RunError>() {
        Some(RunError::Signaled { signal, .. }) => assert_eq!(*signal, libc::SIGTERM),
        other => panic!("{other:?}"),
    }
}

#[test]
fn output_errors_and_value_come_together_and_a_signal_fails_with_all_that_was_written() {
    let reactor = Reactor::new().unwrap();
    let all = get_process_output_and_value(&reactor, &run("echo out; echo err >&2; exit 3"));
    assert_eq!(result(&reactor, all).unwrap(), (b"out\n".to_vec(), b"err\n".to_vec(), 3));
    let killed = get_process_output_and_value(&reactor, &run("echo out; echo err >&2; kill -9 $$"));
    let error = result(&reactor, killed).unwrap_err();
    match error.downcast_ref::<RunError>() {
        Some(RunError::Signaled { output, errors, signal }) => {
            assert_eq!((&**output, &**errors, *signal), (&b"out\n"[..], &b"err\n"[..], 9));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_input_is_written_and_closed() {
    let reactor = Reactor::new().unwrap();
    let input = testkit::pattern(1, 300_000);
    let cat = RunProcess::new("cat").with_input(input.clone());
    let (output, errors, code) =
        result(&reactor, get_process_output_and_value(&reactor, &cat)).unwrap();
    assert!(output == input && errors.is_empty() && code == 0);
}

#[test]
fn an_input_of_any_length_is_read_to_its_end_whatever_the_cap_of_the_buffer() {
    let reactor = Reactor::new().unwrap();
    let default_cap = BufferLimits::default().cap;
    for (length, cap) in [
        (0, default_cap),
        (1, default_cap),
        (1, 0),
        (65_535, 1_000),
        (65_536, 1_000),
        (65_537, 1_000),
        (2_000_000, 1),
        (default_cap, default_cap),
        (default_cap + 1, default_cap),
        (20_000_000, default_cap),
    ] {
        let buffer = BufferLimits::default().with_cap(cap);
        let input = testkit::pattern(3, length);
        let cat = RunProcess::from(SpawnProcess::new("cat").with_buffer(buffer))
            .with_input(input.clone())
            .with_output_bytes_max(length);
        let output = result(&reactor, get_process_output(&reactor, &cat)).unwrap();
        assert!(output == input, "{} of {length}, cap {cap}", output.len());
        let count = run("exit $(wc -c | cut -c 1-2)").with_input(input);
        let code = result(&reactor, get_process_value(&reactor, &count)).unwrap();
        let digits: String = length.to_string().chars().take(2).collect();
        assert_eq!(code.to_string(), digits, "the first digits of {length}");
    }
}

#[test]
fn a_program_that_does_not_read_its_long_input_ends_as_it_likes() {
    let reactor = Reactor::new().unwrap();
    let input = vec![0; 20_000_000];
    for text in ["exit 3", "exec 0<&-; exit 3", "head -c 100000 >/dev/null; exit 3"] {
        let early = run(text).with_input(input.clone());
        assert_eq!(result(&reactor, get_process_value(&reactor, &early)).unwrap(), 3, "{text}");
    }
    let after = Duration::from_millis(100);
    let deaf = run("exec sleep 60").with_input(input).with_time_limit(after);
    let error = result(&reactor, get_process_value(&reactor, &deaf)).unwrap_err();
    assert!(matches!(error.downcast_ref(), Some(RunError::TimedOut { .. })), "{error}");
    settle(&reactor);
}

#[test]
fn each_way_runs_in_the_directory_that_is_given() {
    let reactor = Reactor::new().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let wanted = directory.path().canonicalize().unwrap();
    let line = format!("{}\n", wanted.display()).into_bytes();
    let pwd = RunProcess::from(SpawnProcess::new("pwd").with_directory(&wanted));
    assert_eq!(result(&reactor, get_process_output(&reactor, &pwd)).unwrap(), line);
    let all = result(&reactor, get_process_output_and_value(&reactor, &pwd)).unwrap();
    assert_eq!(all, (line, vec![], 0));
    let test = format!("test \"$(pwd)\" = {} && exit 5", wanted.display());
    let test = RunProcess::from(script(&test).with_directory(&wanted));
    assert_eq!(result(&reactor, get_process_value(&reactor, &test)).unwrap(), 5);
}

#[test]
fn each_way_runs_in_this_process_s_directory_though_its_owner_alone_may_enter() {
    in_child(|| {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let wanted = directory.path().canonicalize().unwrap();
        std::fs::set_permissions(&wanted, std::fs::Permissions::from_mode(0o500)).unwrap();
        std::env::set_current_dir(&wanted).unwrap();
        let reactor = Reactor::new().unwrap();
        let line = format!("{}\n", wanted.display()).into_bytes();
        let pwd = RunProcess::new("/bin/pwd");
        assert_eq!(result(&reactor, get_process_output(&reactor, &pwd)).unwrap(), line);
        let all = result(&reactor, get_process_output_and_value(&reactor, &pwd)).unwrap();
        assert_eq!(all.0, line);
        let test = run(&format!("test \"$(/bin/pwd)\" = {} && exit 5", wanted.display()));
        assert_eq!(result(&reactor, get_process_value(&reactor, &test)).unwrap(), 5);
        std::env::set_current_dir("/").unwrap();
    });
}

#[test]
fn a_program_that_cannot_be_run_fails_at_once() {
    let reactor = Reactor::new().unwrap();
    let missing = RunProcess::new("/nonexistent/prog");
    let failed = get_process_output(&reactor, &missing);
    assert!(failed.is_fired(), "without a turn");
    let error = result(&reactor, failed).unwrap_err();
    assert!(error.check::<SpawnError>(), "{error:?}");
    assert_eq!(reactor.counts(), Counts::default());
}

#[test]
fn a_program_that_runs_too_long_is_killed_and_what_it_wrote_is_in_the_error() {
    in_child(|| {
        let reactor = Reactor::new().unwrap();
        let after = Duration::from_millis(300);
        let slow = run("echo so far; exec sleep 60").with_time_limit(after);
        let error = result(&reactor, get_process_output(&reactor, &slow)).unwrap_err();
        match error.downcast_ref::<RunError>() {
            Some(RunError::TimedOut { after: told, output, .. }) => {
                assert_eq!(*told, after);
                assert!(b"so far\n".starts_with(output), "it may be slow to start");
            }
            other => panic!("{other:?}"),
        }
        settle(&reactor);
        // What the program started holds its pipes, which is no reason to wait.
        let slow = run("sleep 60 & exec sleep 60").with_time_limit(after);
        let error = result(&reactor, get_process_value(&reactor, &slow)).unwrap_err();
        assert!(error.check::<RunError>());
        settle(&reactor);
        assert_eq!(zombies(), [0; 0]);
    });
}

#[test]
fn a_program_that_writes_too_much_is_killed() {
    let reactor = Reactor::new().unwrap();
    let endless = RunProcess::new("yes").with_output_bytes_max(100_000);
    let error = result(&reactor, get_process_output(&reactor, &endless)).unwrap_err();
    let error = error.downcast_ref::<RunError>().unwrap();
    assert!(matches!(error, RunError::TooMuchOutput { limit: 100_000 }), "{error:?}");
    settle(&reactor);
}

#[test]
fn to_cancel_kills_the_program() {
    let reactor = Reactor::new().unwrap();
    let value = get_process_value(&reactor, &run("exec sleep 60"));
    reactor.turn(Some(Duration::ZERO)).unwrap();
    value.cancel_handle().cancel();
    assert!(result(&reactor, value).unwrap_err().check::<Cancelled>());
    settle(&reactor);
}

#[test]
fn a_stop_of_the_reactor_is_told() {
    let reactor = Reactor::new().unwrap();
    let told = Rc::new(RefCell::new(Vec::new()));
    for value in [
        get_process_output(&reactor, &run("exec sleep 1")).add_callback(|_| Ok(())),
        get_process_value(&reactor, &run("exec sleep 1")).add_callback(|_| Ok(())),
    ] {
        let noted = told.clone();
        drop(value.add_errback(move |failure| {
            noted.borrow_mut().push(failure.to_string());
            Ok(())
        }));
    }
    let stopping = reactor.clone();
    reactor.call_when_running(Box::new(move || stopping.stop().unwrap()));
    reactor.run().unwrap();
    assert_eq!(told.borrow().len(), 2, "{told:?}");
}
