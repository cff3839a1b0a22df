//! UNIX servers on the real kernel: one server per path, the mode of the path, and its removal.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Barrier};

use crate::support::child::{in_child, is_child, set_umask, spawn, test_name};
use crate::support::echo;
use crate::support::unix::*;
use interfaces::{ListenError, LockFile, ReactorUnix as _};
use ropewalk_reactor::{Counts, Reactor};

#[test]
fn a_path_has_exactly_the_mode_that_was_asked_for_under_any_umask() {
    in_child(|| {
        let (_directory, path) = place();
        let reactor = Reactor::new().unwrap();
        assert_eq!(options(&path).mode, 0o600);
        for umask in [0o000, 0o022, 0o077, 0o177, 0o777] {
            for mode in [0o600, 0o660, 0o666, 0o777, 0o200] {
                for lock_file in [LockFile::Used, LockFile::Ignored] {
                    let before = set_umask(umask);
                    let options = options(&path).with_mode(mode).with_lock_file(lock_file);
                    let port = reactor.listen_unix(&options, echo()).unwrap();
                    set_umask(before);
                    let found = fs::symlink_metadata(&path).unwrap().mode() & 0o7777;
                    assert_eq!(found, mode, "umask {umask:o}, {lock_file:?}");
                    drop(port.stop_listening());
                    assert!(!is_there(&path));
                }
            }
        }
    });
}

#[test]
fn nobody_sees_a_wider_mode_not_even_for_a_moment() {
    in_child(|| {
        set_umask(0);
        let (_directory, path) = place();
        let reactor = Reactor::new().unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let widest = Arc::new(AtomicU32::new(0));
        let looks = Arc::new(AtomicU32::new(0));
        let watching = std::thread::spawn({
            let (over, widest, looks) = (over.clone(), widest.clone(), looks.clone());
            let path = path.clone();
            move || {
                while !over.load(Ordering::Relaxed) {
                    if let Ok(metadata) = fs::symlink_metadata(&path) {
                        widest.fetch_or(metadata.mode() & 0o7777, Ordering::Relaxed);
                        looks.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }
        });
        let mut rounds = 0;
        while rounds < 20_000 && (rounds < 300 || looks.load(Ordering::Relaxed) < 300) {
            drop(listen(&reactor, &path).unwrap().stop_listening());
            rounds += 1;
        }
        over.store(true, Ordering::Relaxed);
        watching.join().unwrap();
        assert!(looks.load(Ordering::Relaxed) > 0, "nothing was seen in {rounds} rounds");
        assert_eq!(widest.load(Ordering::Relaxed), 0o600);
    });
}

/// A server in a process of its own, which prints whether it listens and then waits.
fn serve_as_a_child() {
    let path = PathBuf::from(std::env::var_os("SERVE").unwrap());
    let reactor = Reactor::new().unwrap();
    let listening = listen(&reactor, &path);
    let answer = match &listening {
        Ok(_) => "listening",
        Err(ListenError::InUse { .. }) => "in use",
        Err(_) => "failed otherwise",
    };
    println!("answer: {answer}");
    let mut line = String::new();
    let _ = std::io::stdin().read_line(&mut line);
}

/// Such a server, and its answer.
struct Server {
    child: Child,
    answer: String,
    /// Kept open, so that the child can write to its end.
    _output: BufReader<ChildStdout>,
}

fn server_process(test: &str, path: &Path) -> Server {
    let mut child = spawn(test, &[("SERVE", path.to_str().unwrap())]);
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let answer = (&mut output)
        .lines()
        .map_while(Result::ok)
        .find_map(|line| line.split_once("answer: ").map(|(_, answer)| answer.to_owned()))
        .expect("the child answers");
    Server { child, answer, _output: output }
}

#[test]
fn what_a_killed_server_left_behind_is_replaced() {
    let name = test_name(&what_a_killed_server_left_behind_is_replaced);
    if is_child(name) {
        return serve_as_a_child();
    }
    let (_directory, path) = place();
    let mut server = server_process(name, &path);
    assert_eq!(server.answer, "listening");
    let reactor = Reactor::new().unwrap();
    assert!(matches!(listen(&reactor, &path), Err(ListenError::InUse { .. })));
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    assert!(is_there(&path) && is_there(&lock_of(&path)), "it had no time to clean up");
    let port = listen(&reactor, &path).unwrap();
    assert!(serves(&reactor, &path));
    drop(port.stop_listening());
    assert!(!is_there(&path) && !is_there(&lock_of(&path)));
}

#[test]
fn of_many_processes_that_want_a_path_exactly_one_gets_it() {
    let name = test_name(&of_many_processes_that_want_a_path_exactly_one_gets_it);
    if is_child(name) {
        return serve_as_a_child();
    }
    let (_directory, path) = place();
    // A stale socket to fight for.
    drop(UnixListener::bind(&path).unwrap());
    let starting: Vec<_> = (0..5)
        .map(|_| {
            let path = path.clone();
            std::thread::spawn(move || server_process(name, &path))
        })
        .collect();
    let mut servers: Vec<_> = starting.into_iter().map(|start| start.join().unwrap()).collect();
    let winners = servers.iter().filter(|server| server.answer == "listening").count();
    let losers = servers.iter().filter(|server| server.answer == "in use").count();
    for server in &mut servers {
        drop(server.child.stdin.take());
        server.child.wait().unwrap();
    }
    assert_eq!((winners, losers), (1, 4));
}

#[test]
fn of_racing_reactors_exactly_one_wins_every_time() {
    const RACERS: usize = 4;
    let (_directory, path) = place();
    for round in 0..60 {
        if round % 2 == 0 {
            drop(UnixListener::bind(&path).unwrap());
        }
        let (start, end) = (Arc::new(Barrier::new(RACERS)), Arc::new(Barrier::new(RACERS)));
        let racers: Vec<_> = (0..RACERS)
            .map(|_| {
                let (start, end, path) = (start.clone(), end.clone(), path.clone());
                std::thread::spawn(move || {
                    let reactor = Reactor::new().unwrap();
                    start.wait();
                    let listening = listen(&reactor, &path);
                    end.wait();
                    match listening {
                        Ok(_) => true,
                        Err(ListenError::InUse { .. }) => false,
                        Err(error) => panic!("{error:?}"),
                    }
                })
            })
            .collect();
        let won = racers.into_iter().map(|racer| racer.join().unwrap()).filter(|won| *won).count();
        assert_eq!(won, 1, "in round {round}");
        assert!(!is_there(&path) && !is_there(&lock_of(&path)), "in round {round}");
    }
}

#[test]
fn the_path_of_a_server_that_lives_is_never_taken() {
    let (_directory, path) = place();
    let (first, second) = (Reactor::new().unwrap(), Reactor::new().unwrap());
    for lock_file in [LockFile::Used, LockFile::Ignored] {
        let of_first = options(&path).with_lock_file(lock_file);
        let port = first.listen_unix(&of_first, echo()).unwrap();
        let inode = fs::symlink_metadata(&path).unwrap().ino();
        match listen(&second, &path).map(drop) {
            Err(ListenError::InUse { address, process }) => {
                assert_eq!(process, Some(std::process::id()), "{lock_file:?}");
                assert_eq!(address.to_string(), format!("unix:{}", path.display()));
            }
            other => panic!("{other:?}"),
        }
        let bold = options(&path).with_lock_file(LockFile::Ignored);
        match second.listen_unix(&bold, echo()).map(drop) {
            Err(ListenError::Refused { source, hint, .. }) => {
                assert_eq!(source.raw_os_error(), libc::EADDRINUSE);
                assert!(!hint.is_empty());
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(second.counts(), Counts::default());
        assert_eq!(fs::symlink_metadata(&path).unwrap().ino(), inode);
        assert!(serves(&first, &path));
        drop(port.stop_listening());
        first.disconnect_all();
    }
}

#[test]
fn what_is_not_a_socket_is_kept() {
    let (directory, path) = place();
    let reactor = Reactor::new().unwrap();
    let target = directory.path().join("target");
    fs::write(&target, "kept").unwrap();
    let make: [(&str, &dyn Fn()); 3] = [
        ("a file", &|| fs::write(&path, "kept").unwrap()),
        ("a directory", &|| fs::create_dir(&path).unwrap()),
        ("a symbolic link", &|| symlink(&target, &path).unwrap()),
    ];
    for (what, make) in make {
        make();
        let answer = listen(&reactor, &path).map(drop);
        assert!(matches!(answer, Err(ListenError::NotASocket { .. })), "{what}: {answer:?}");
        assert!(is_there(&path), "{what}");
        assert!(!is_there(&lock_of(&path)), "{what}");
        if path.is_dir() {
            fs::remove_dir(&path).unwrap();
        } else {
            assert_eq!(fs::read_to_string(&path).unwrap(), "kept");
            fs::remove_file(&path).unwrap();
        }
    }
}

#[test]
fn a_stopped_server_leaves_neither_its_path_nor_its_lock() {
    let (directory, path) = place();
    let is_empty = || fs::read_dir(directory.path()).unwrap().next().is_none();
    let reactor = Reactor::new().unwrap();
    drop(listen(&reactor, &path).unwrap().stop_listening());
    assert!(is_empty());
    drop(listen(&reactor, &path).unwrap());
    assert!(is_there(&path), "a port is open until it is stopped");
    reactor.disconnect_all();
    assert!(is_empty());
    drop(listen(&reactor, &path).unwrap());
    drop(reactor);
    assert!(is_empty());
}

#[test]
fn what_somebody_else_put_at_the_path_meanwhile_is_not_removed() {
    let (_directory, path) = place();
    let reactor = Reactor::new().unwrap();
    let port = listen(&reactor, &path).unwrap();
    fs::remove_file(&path).unwrap();
    fs::write(&path, "theirs").unwrap();
    drop(port.stop_listening());
    assert_eq!(fs::read_to_string(&path).unwrap(), "theirs");
    fs::remove_file(&path).unwrap();

    let port = listen(&reactor, &path).unwrap();
    fs::remove_file(&path).unwrap();
    let theirs = UnixListener::bind(&path).unwrap();
    drop(port.stop_listening());
    assert!(UnixStream::connect(&path).is_ok());
    drop(theirs);
}
