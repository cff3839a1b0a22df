//! Paths and lock files belong to the server that made them.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt as _, chown, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

use interfaces::{ListenError, ListeningPort, LockFile, ReactorUnix as _};
use ropewalk_reactor::Reactor;

use crate::support::echo;
use crate::support::unix::*;

/// The number of no process: Linux gives none above 2^22.
const NO_PROCESS: u32 = 4_194_305;

type Listened = Result<std::rc::Rc<dyn ListeningPort>, ListenError>;

fn owner(listened: Listened) -> Option<u32> {
    match listened.map(drop) {
        Err(ListenError::InUse { process, .. }) => process,
        other => panic!("{other:?}"),
    }
}

/// Content and inode of a lock file.
fn state(lock: &Path) -> (String, u64) {
    (fs::read_to_string(lock).unwrap(), fs::symlink_metadata(lock).unwrap().ino())
}

#[test]
fn a_refused_server_leaves_the_lock_file_of_another_as_it_is_whatever_lock_that_holds() {
    let (_directory, path) = place();
    let lock = lock_of(&path);
    let reactor = Reactor::new().unwrap();
    for is_flocked in [true, false] {
        let server = UnixListener::bind(&path).unwrap();
        fs::write(&lock, "77\n").unwrap();
        let file = File::open(&lock).unwrap();
        if is_flocked {
            file.try_lock().unwrap();
        }
        let before = state(&lock);
        // The lock file names the server, and else its socket does.
        let expected = if is_flocked { 77 } else { std::process::id() };
        assert_eq!(owner(listen(&reactor, &path)), Some(expected), "{is_flocked}");
        assert_eq!(state(&lock), before, "{is_flocked}");
        assert!(is_there(&path));
        drop((server, file));
        // It left both behind.
        let port = listen(&reactor, &path).unwrap();
        assert_eq!(state(&lock).0, format!("{}\n", std::process::id()));
        assert!(File::open(&lock).unwrap().try_lock().is_err(), "the next one sees our lock");
        drop(port.stop_listening());
        assert!(!is_there(&path) && !is_there(&lock));
    }
}

#[test]
fn a_refused_server_removes_the_lock_file_that_it_made() {
    let (_directory, path) = place();
    let reactor = Reactor::new().unwrap();
    let _server = UnixListener::bind(&path).unwrap();
    assert_eq!(owner(listen(&reactor, &path)), Some(std::process::id()));
    assert!(is_there(&path) && !is_there(&lock_of(&path)));
}

#[test]
fn a_lock_file_with_a_second_name_or_of_another_user_is_not_written_to() {
    let (directory, path) = place();
    let (lock, second) = (lock_of(&path), directory.path().join("second"));
    let reactor = Reactor::new().unwrap();
    let refused = || match listen(&reactor, &path).map(drop) {
        Err(ListenError::Refused { source, hint, .. }) => {
            assert_eq!(source.raw_os_error(), libc::EEXIST);
            assert!(hint.contains("second name") && hint.contains("another user"), "{hint}");
        }
        other => panic!("{other:?}"),
    };
    for text in ["", "12345"] {
        fs::write(&second, text).unwrap();
        fs::hard_link(&second, &lock).unwrap();
        let before = state(&lock);
        refused();
        assert_eq!(state(&lock), before);
        assert_eq!(fs::read_to_string(&second).unwrap(), text);
        assert!(!is_there(&path));
        fs::remove_file(&second).unwrap();
        if chown(&lock, Some(65534), None).is_err() {
            testkit::skip("only root can give a file away");
        } else {
            refused();
            assert_eq!(state(&lock), before);
            fs::remove_file(&lock).unwrap();
            fs::write(&lock, text).unwrap();
        }
        drop(listen(&reactor, &path).unwrap().stop_listening());
        assert!(!is_there(&lock));
    }
}

#[test]
fn the_lock_file_that_another_put_in_its_place_meanwhile_is_not_removed() {
    let (_directory, path) = place();
    let reactor = Reactor::new().unwrap();
    let port = listen(&reactor, &path).unwrap();
    fs::remove_file(lock_of(&path)).unwrap();
    fs::write(lock_of(&path), "theirs").unwrap();
    drop(port.stop_listening());
    assert_eq!(fs::read_to_string(lock_of(&path)).unwrap(), "theirs");
    assert!(!is_there(&path));
}

#[test]
fn a_server_of_twisted_is_named_by_its_lock_file() {
    let (_directory, path) = place();
    let reactor = Reactor::new().unwrap();
    symlink(std::process::id().to_string(), lock_of(&path)).unwrap();
    assert_eq!(owner(listen(&reactor, &path)), Some(std::process::id()));
    fs::remove_file(lock_of(&path)).unwrap();
    symlink(NO_PROCESS.to_string(), lock_of(&path)).unwrap();
    assert!(matches!(listen(&reactor, &path), Err(ListenError::Refused { .. })));
    assert!(fs::symlink_metadata(lock_of(&path)).unwrap().is_symlink());
}

#[test]
fn a_refusal_says_who_listens() {
    let (_directory, path) = place();
    let (first, second) = (Reactor::new().unwrap(), Reactor::new().unwrap());
    for lock_file in [LockFile::Used, LockFile::Ignored] {
        let of_first = options(&path).with_lock_file(lock_file);
        let port = first.listen_unix(&of_first, echo()).unwrap();
        let error = listen(&second, &path).map(drop).unwrap_err().to_string();
        let expected = format!("(process {})", std::process::id());
        assert!(error.ends_with(&expected), "{error}");
        drop(port.stop_listening());
        first.disconnect_all();
    }
}
