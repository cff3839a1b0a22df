//! Claims about pid files.

use std::fs;
use std::path::PathBuf;
use std::rc::Rc;

use ropewalk_runner::{PidFile, PidFileError};
use tempfile::TempDir;

use crate::support::Signals;

const EPERM: i32 = 1;
const ESRCH: i32 = 3;
const EINVAL: i32 = 22;

/// A pid file in a directory of its own, with recorded signals.
struct Scene {
    _directory: TempDir,
    path: PathBuf,
    signals: Rc<Signals>,
    file: PidFile,
}

impl Scene {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pid");
        let signals = Rc::new(Signals::default());
        let file = PidFile::with_signals(&path, signals.clone());
        Self { _directory: directory, path, signals, file }
    }

    fn with(content: &str) -> Self {
        let scene = Self::new();
        fs::write(&scene.path, content).unwrap();
        scene
    }

    fn content(&self) -> String {
        fs::read_to_string(&self.path).unwrap()
    }
}

fn own() -> String {
    format!("{}\n", std::process::id())
}

/// pidfile-002
#[test]
fn the_number_of_the_first_line_is_read() {
    for content in ["1337", "1337\n", "1337\nmore\n", " 1337 \r\n"] {
        assert_eq!(Scene::with(content).file.read().unwrap(), 1337, "{content:?}");
    }
    let scene = Scene::new();
    let held = scene.file.hold().unwrap();
    assert_eq!(scene.file.read().unwrap().cast_unsigned(), std::process::id());
    drop(held);
}

/// pidfile-003
#[test]
fn what_is_no_number_of_a_process_is_invalid_and_quoted() {
    for content in ["", "\n12", "12x", "-5", "0", "99999999999", "$foo\x1b!"] {
        let error = Scene::with(content).file.read().unwrap_err();
        let PidFileError::Invalid { content: quoted, .. } = &error else { panic!("{error}") };
        assert_eq!(*quoted, content.lines().next().unwrap_or_default());
        assert!(error.to_string().starts_with("non-integer PID value in PID file"), "{error}");
    }
    let error = Scene::with("$foo\x1b!").file.read().unwrap_err();
    assert!(error.to_string().ends_with("\"$foo\\u{1b}!\""), "{error}");
}

/// pidfile-004
#[test]
fn a_file_that_is_missing_is_told_apart_from_one_that_cannot_be_opened() {
    let error = Scene::new().file.read().unwrap_err();
    assert!(matches!(error, PidFileError::NotFound { .. }));
    assert!(error.to_string().starts_with("PID file does not exist"));
    let scene = Scene::with("not a directory");
    let error = PidFile::new(scene.path.join("pid")).read().unwrap_err();
    let PidFileError::Io { source, .. } = error else { panic!("{error}") };
    assert_eq!(source.kind(), std::io::ErrorKind::NotADirectory);
}

/// pidfile-007
#[test]
fn a_process_that_takes_the_null_signal_is_running() {
    let scene = Scene::with("1337");
    assert!(scene.file.is_running().unwrap());
    assert_eq!(*scene.signals.sent.borrow(), [(1337, None)]);
    let scene = Scene::with(&own());
    assert!(PidFile::new(&scene.path).is_running().unwrap(), "this process is");
}

/// pidfile-009
#[test]
fn a_process_that_may_not_be_signalled_is_running() {
    let scene = Scene::with("1337");
    scene.signals.error.set(Some(EPERM));
    assert!(scene.file.is_running().unwrap());
    let scene = Scene::with("1");
    assert!(PidFile::new(&scene.path).is_running().unwrap(), "the first process is");
}

/// pidfile-010
#[test]
fn no_file_is_no_process_and_another_error_is_passed_on() {
    assert!(!Scene::new().file.is_running().unwrap());
    let scene = Scene::with("1337");
    scene.signals.error.set(Some(EINVAL));
    let error = scene.file.is_running().unwrap_err();
    let PidFileError::Io { source, .. } = error else { panic!("{error}") };
    assert_eq!(source.raw_os_error(), Some(EINVAL));
    // Twisted raises an error of its own for this.
    scene.signals.error.set(Some(ESRCH));
    assert!(!scene.file.is_running().unwrap());
}

/// pidfile-011
#[test]
fn a_held_file_has_the_own_number_and_is_removed_at_the_end() {
    let scene = Scene::new();
    let held = scene.file.hold().unwrap();
    assert_eq!(scene.content(), own());
    drop(held);
    assert!(!scene.path.exists());
}

/// pidfile-012
#[test]
fn a_stale_file_is_replaced_and_one_of_a_process_that_lives_refused() {
    let scene = Scene::with("1337 \nmore, and longer than a number\n");
    scene.signals.error.set(Some(ESRCH));
    let held = scene.file.hold().unwrap();
    assert_eq!(scene.content(), own());
    drop(held);
    let scene = Scene::with("1337\n");
    let error = scene.file.hold().unwrap_err();
    assert!(matches!(error, PidFileError::AlreadyRunning { process: Some(1337), .. }), "{error}");
    assert_eq!(scene.content(), "1337\n", "it is left as it is");
}

#[test]
fn a_file_of_an_earlier_process_of_the_same_number_is_replaced() {
    let scene = Scene::with(&own());
    drop(scene.file.hold().unwrap());
    assert!(scene.signals.sent.borrow().is_empty());
}

#[test]
fn an_empty_file_is_taken_and_one_with_something_else_left_alone() {
    drop(Scene::with("").file.hold().unwrap());
    let scene = Scene::with("a letter");
    assert!(matches!(scene.file.hold(), Err(PidFileError::Invalid { .. })));
    assert_eq!(scene.content(), "a letter");
}

/// pidfile-015: Twisted's check and write are two steps, and here they are one.
#[test]
fn of_several_programs_that_start_at_once_one_holds_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pid");
    for _ in 0..50 {
        let start = std::sync::Barrier::new(4);
        let holders: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        start.wait();
                        let held = PidFile::new(&path).hold();
                        // None lets go before all have tried.
                        start.wait();
                        usize::from(held.is_ok())
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(holders, 1);
        assert!(!path.exists());
    }
}

#[test]
fn a_file_that_was_replaced_meanwhile_is_not_removed() {
    let scene = Scene::new();
    let held = scene.file.hold().unwrap();
    fs::remove_file(&scene.path).unwrap();
    fs::write(&scene.path, "1337\n").unwrap();
    drop(held);
    assert_eq!(scene.content(), "1337\n");
}
