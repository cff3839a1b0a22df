//! Claims about the order of a run, its pid file, and the end of another one.

use std::fs;
use std::path::PathBuf;
use std::rc::Rc;

use interfaces::ReactorCore as _;
use protocol::service::{MultiService, Service as _};
use reactor::Reactor;
use reactor::simulated::Simulated;
use ropewalk_runner::{Exit, ExitStatus, Log, LogFormat, LogLevel, PidFile, Runner};
use tempfile::TempDir;

use crate::support::{Buffer, Journal, Noted, Signals, quiet};

const SIGTERM: i32 = 15;

struct Scene {
    reactor: Reactor<Simulated>,
    journal: Journal,
    service: Rc<Noted>,
    directory: TempDir,
    signals: Rc<Signals>,
}

impl Scene {
    fn new() -> Self {
        let journal = Journal::default();
        Self {
            reactor: quiet(),
            service: Noted::new(&journal),
            journal,
            directory: tempfile::tempdir().unwrap(),
            signals: Rc::default(),
        }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("pid")
    }

    fn pid_file(&self) -> PidFile {
        PidFile::with_signals(self.path(), self.signals.clone())
    }

    /// A runner whose reactor stops in the turn that it starts in.
    fn runner(&self) -> Runner<Reactor<Simulated>> {
        let (journal, reactor) = (self.journal.clone(), self.reactor.clone());
        let left = self.journal.clone();
        Runner::new(self.reactor.clone(), self.service.clone())
            .signals(self.signals.clone())
            .when_running(move || {
                journal.note(format!("running: {}", reactor.running()));
                reactor.stop().unwrap();
            })
            .reactor_exited(move || left.note("exited"))
    }
}

fn ended(exit: &Exit) -> (u8, Option<&str>) {
    (exit.status().number(), exit.message())
}

/// runner-001, runner-011, runner-012, runner-013, service-014
#[test]
fn the_service_starts_then_the_reactor_runs_once_and_each_hook_is_called_once() {
    let scene = Scene::new();
    let application = MultiService::new();
    application.add_named_service("root", scene.service.clone()).unwrap();
    let journal = scene.journal.clone();
    let log = Log::to_writer(LogLevel::Info, LogFormat::Text, Box::new(Buffer::default()));
    let (reactor, left) = (scene.reactor.clone(), scene.journal.clone());
    let exit = Runner::new(scene.reactor.clone(), Rc::new(application))
        .log(log.unwrap())
        .when_running(move || {
            journal.note(format!("running: {}", reactor.running()));
            reactor.stop().unwrap();
        })
        .reactor_exited(move || left.note("exited"))
        .run();
    assert_eq!(ended(&exit), (0, None));
    assert_eq!(exit.signal(), None);
    let order = ["privileged start", "start", "running: true", "stop", "exited"];
    assert_eq!(scene.journal.lines(), order);
}

/// runner-001: another one is ended in place of a run.
#[test]
fn a_kill_comes_before_all_else() {
    let scene = Scene::new();
    fs::write(scene.path(), "1337\n").unwrap();
    let exit = scene.runner().pid_file(scene.pid_file()).kill().run();
    assert_eq!(ended(&exit), (0, None));
    assert!(scene.journal.lines().is_empty());
}

/// runner-002
#[test]
fn the_pid_file_is_there_while_the_reactor_runs_and_gone_afterwards() {
    let scene = Scene::new();
    let (journal, path, reactor) = (scene.journal.clone(), scene.path(), scene.reactor.clone());
    let exit = scene
        .runner()
        .pid_file(scene.pid_file())
        .when_running(move || {
            let content = fs::read_to_string(&path).unwrap();
            journal.note(format!("own: {}", content == format!("{}\n", std::process::id())));
            reactor.stop().unwrap();
        })
        .run();
    assert_eq!(ended(&exit), (0, None));
    assert!(scene.journal.lines().contains(&"own: true".into()));
    assert!(!scene.path().exists());
}

/// runner-003
#[test]
fn a_second_run_is_a_wrong_configuration_and_starts_nothing() {
    let scene = Scene::new();
    fs::write(scene.path(), "1337\n").unwrap();
    let exit = scene.runner().pid_file(scene.pid_file()).run();
    assert_eq!(ended(&exit), (78, Some("Already running.")));
    assert!(scene.journal.lines().is_empty());
}

/// runner-005
#[test]
fn a_kill_without_a_pid_file_is_a_wrong_usage() {
    let scene = Scene::new();
    assert_eq!(ended(&scene.runner().kill().run()), (64, Some("No PID file specified.")));
    assert!(scene.signals.sent.borrow().is_empty());
}

/// runner-006
#[test]
fn a_kill_sends_sigterm_to_the_process_of_the_file() {
    let scene = Scene::new();
    fs::write(scene.path(), "1337\n").unwrap();
    let exit = scene.runner().pid_file(scene.pid_file()).kill().run();
    assert_eq!(ended(&exit), (0, None));
    assert_eq!(*scene.signals.sent.borrow(), [(1337, Some(SIGTERM))]);
    assert!(scene.path().exists(), "its owner removes it");
}

#[test]
fn a_kill_that_the_system_refuses_says_so() {
    let scene = Scene::new();
    fs::write(scene.path(), "1337\n").unwrap();
    scene.signals.error.set(Some(1));
    let exit = scene.runner().pid_file(scene.pid_file()).kill().run();
    assert_eq!(exit.status(), ExitStatus::OSERR);
    assert!(exit.message().unwrap().starts_with("Unable to terminate process 1337: "));
}

/// runner-007
#[test]
fn a_kill_by_a_file_that_cannot_be_read_fails() {
    let scene = Scene::new();
    let exit = scene.runner().pid_file(scene.pid_file()).kill().run();
    assert_eq!(ended(&exit), (74, Some("Unable to read PID file.")));
    fs::create_dir(scene.path()).unwrap();
    let exit = scene.runner().pid_file(scene.pid_file()).kill().run();
    assert_eq!(ended(&exit), (74, Some("Unable to read PID file.")));
    assert!(scene.signals.sent.borrow().is_empty());
}

/// runner-008
#[test]
fn a_kill_by_a_file_without_a_number_fails() {
    for content in ["", "** BOGUS **", "0", "-1"] {
        let scene = Scene::new();
        fs::write(scene.path(), content).unwrap();
        let exit = scene.runner().pid_file(scene.pid_file()).kill().run();
        assert_eq!(ended(&exit), (65, Some("Invalid PID file.")), "{content}");
        assert!(scene.signals.sent.borrow().is_empty());
    }
}

/// pidfile-013: Twisted's null pid file is none.
#[test]
fn a_run_without_a_pid_file_asks_for_none_and_writes_none() {
    let scene = Scene::new();
    assert_eq!(ended(&scene.runner().run()), (0, None));
    assert!(scene.signals.sent.borrow().is_empty());
    assert_eq!(fs::read_dir(scene.directory.path()).unwrap().count(), 0);
}

/// twist-023
#[test]
fn a_service_that_cannot_start_ends_the_program_before_the_reactor_runs() {
    let scene = Scene::new();
    scene.service.refuses.set(true);
    let exit = scene.runner().pid_file(scene.pid_file()).run();
    assert_eq!(exit.status(), ExitStatus::UNAVAILABLE);
    assert!(exit.message().unwrap().starts_with("Error: cannot listen on"));
    assert_eq!(scene.journal.lines(), ["privileged start", "start"]);
    assert!(!scene.path().exists() && !scene.service.running());
}

#[test]
fn a_pid_file_that_cannot_be_written_ends_the_program() {
    let scene = Scene::new();
    let nowhere = PidFile::new(scene.directory.path().join("none/pid"));
    let exit = scene.runner().pid_file(nowhere).run();
    assert_eq!(exit.status(), ExitStatus::IOERR);
    assert!(exit.message().unwrap().contains("cannot open the PID file"), "{exit:?}");
}
