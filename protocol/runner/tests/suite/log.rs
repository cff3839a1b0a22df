//! Claims about logs.

use std::fs;
use std::rc::Rc;

use deferred::Deferred;
use interfaces::{ListenTcp, NotPending, ReactorCore as _, ReactorTcp as _};
use protocol::{factory_fn, wire::Discard};
use ropewalk_runner::{Log, LogFormat, LogLevel, LogOutput, Runner};

use crate::support::{Buffer, Journal, Noted, quiet};

/// runner-010: the level is a filter around one formatter, which writes to the given output.
#[test]
fn a_run_logs_the_lines_from_its_level_on_in_its_format_to_its_output_once_each() {
    for (level, format, lines) in [
        (LogLevel::Info, LogFormat::Text, 3),
        (LogLevel::Error, LogFormat::Text, 1),
        (LogLevel::Info, LogFormat::Json, 3),
    ] {
        let (buffer, reactor) = (Buffer::default(), quiet());
        let log = Log::to_writer(level, format, Box::new(buffer.clone())).unwrap();
        let running = reactor.clone();
        let _exit = Runner::new(reactor.clone(), Noted::new(&Journal::default()))
            .log(log)
            .when_running(move || {
                let options = ListenTcp::new(([127, 0, 0, 1], 80));
                let port = running.listen_tcp(&options, factory_fn(|_| Discard)).unwrap();
                drop(port.stop_listening());
                drop(Deferred::<()>::fail(NotPending));
                running.stop().unwrap();
            })
            .run();
        let text = buffer.text();
        assert_eq!(text.lines().count(), lines, "{text}");
        assert_eq!(text.matches("the delayed call is not pending").count(), 1, "{text}");
        let is_json = text.lines().all(|line| line.starts_with("{\"time\":"));
        assert_eq!(is_json, format == LogFormat::Json, "{text}");
        if lines == 3 {
            assert!(text.contains("listening on 127.0.0.1:80"), "{text}");
        }
    }
}

#[test]
fn an_output_is_a_standard_one_or_a_file_that_grows() {
    assert!(matches!(LogOutput::open("-"), Ok(LogOutput::Stdout)));
    assert!(matches!(LogOutput::open("+"), Ok(LogOutput::Stderr)));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    fs::write(&path, "before\n").unwrap();
    for number in 0..2 {
        let output = LogOutput::open(path.to_str().unwrap()).unwrap();
        assert!(!output.is_terminal());
        let log = Log::new(LogLevel::Info, LogFormat::Text, output).unwrap();
        log.log(LogLevel::Info, "test", format_args!("line {number}"));
        log.log(LogLevel::Debug, "test", "not this one");
        log.flush();
    }
    let text = fs::read_to_string(&path).unwrap();
    let ends: Vec<&str> = text.lines().map(|line| &line[line.len() - 6..]).collect();
    assert_eq!(ends, ["before", "line 0", "line 1"]);
}

#[test]
fn an_output_that_is_not_read_stops_nothing() {
    struct Stuck(std::sync::mpsc::Receiver<()>);
    impl std::io::Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            // It ends when the test does.
            let _ = self.0.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let (end, stuck) = std::sync::mpsc::channel();
    let log = Log::to_writer(LogLevel::Info, LogFormat::Text, Box::new(Stuck(stuck))).unwrap();
    let log = Rc::new(log);
    for number in 0..10_000 {
        log.log(LogLevel::Info, "test", format_args!("{number:01024}"));
    }
    drop(end);
}
