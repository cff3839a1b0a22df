//! UNIX servers on the real kernel: whose a path is, who may see it, and what is left of it.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails and reports by them")]

mod kernel_support;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use interfaces::{
    ConnectError, ConnectUnix, ListenError, ListenUnix, ListeningPort, LockFile, ReactorUnix as _,
    UnixAddress,
};
use kernel_support::child::{in_child, is_child, set_umask, spawn};
use kernel_support::{Probe, Seen, echo, turn_until};
use ropewalk_reactor::{Census, Reactor};
use tempfile::TempDir;

fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    (directory, path)
}

fn name(path: &Path) -> UnixAddress {
    UnixAddress::Path(Rc::from(path.as_os_str().as_encoded_bytes()))
}

fn lock_of(path: &Path) -> PathBuf {
    path.with_extension("lock")
}

fn options(path: &Path) -> ListenUnix {
    ListenUnix::new(name(path))
}

fn listen(reactor: &Reactor, path: &Path) -> Result<Rc<dyn ListeningPort>, ListenError> {
    reactor.listen_unix(&options(path), echo())
}

fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// Whether a client is echoed.
fn serves(reactor: &Reactor, path: &Path) -> bool {
    let Ok(mut client) = UnixStream::connect(path) else { return false };
    client.set_nonblocking(true).unwrap();
    client.write_all(b"ping").unwrap();
    let mut answer = [0; 4];
    turn_until(reactor, "the echo came", || client.read_exact(&mut answer).is_ok());
    answer == *b"ping"
}

#[test]
fn a_path_has_exactly_the_mode_that_was_asked_for_under_any_umask() {
    in_child("a_path_has_exactly_the_mode_that_was_asked_for_under_any_umask", || {
        let (_directory, path) = place();
        let reactor = Reactor::new().unwrap();
        assert_eq!(options(&path).mode, 0o600);
        for umask in [0o000, 0o022, 0o077, 0o177, 0o777] {
            for mode in [0o600, 0o660, 0o666, 0o777, 0o200] {
                for lock_file in [LockFile::Used, LockFile::Ignored] {
                    let before = set_umask(umask);
                    let options = ListenUnix { mode, lock_file, ..options(&path) };
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
    in_child("nobody_sees_a_wider_mode_not_even_for_a_moment", || {
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

/// A server in a process of its own, which says what came of its listening and then waits.
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
    const NAME: &str = "what_a_killed_server_left_behind_is_replaced";
    if is_child(NAME) {
        return serve_as_a_child();
    }
    let (_directory, path) = place();
    let mut server = server_process(NAME, &path);
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
    const NAME: &str = "of_many_processes_that_want_a_path_exactly_one_gets_it";
    if is_child(NAME) {
        return serve_as_a_child();
    }
    let (_directory, path) = place();
    // A stale socket to fight for.
    drop(UnixListener::bind(&path).unwrap());
    let starting: Vec<_> = (0..5)
        .map(|_| {
            let path = path.clone();
            std::thread::spawn(move || server_process(NAME, &path))
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
        let of_first = ListenUnix { lock_file, ..options(&path) };
        let port = first.listen_unix(&of_first, echo()).unwrap();
        let inode = fs::symlink_metadata(&path).unwrap().ino();
        match listen(&second, &path).map(drop) {
            Err(ListenError::InUse { address }) => {
                assert_eq!(address.to_string(), format!("unix:{}", path.display()));
            }
            other => panic!("{other:?}"),
        }
        let bold = ListenUnix { lock_file: LockFile::Ignored, ..options(&path) };
        match second.listen_unix(&bold, echo()).map(drop) {
            Err(ListenError::Refused { source, hint, .. }) => {
                assert_eq!(source.raw_os_error(), libc::EADDRINUSE);
                assert!(!hint.is_empty());
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(second.census(), Census::default());
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

#[test]
fn a_symbolic_link_is_no_lock_file() {
    let (directory, path) = place();
    let reactor = Reactor::new().unwrap();
    let target = directory.path().join("target");
    fs::write(&target, "kept").unwrap();
    symlink(&target, lock_of(&path)).unwrap();
    match listen(&reactor, &path).map(drop) {
        Err(ListenError::Refused { source, hint, .. }) => {
            assert_eq!(source.raw_os_error(), libc::ELOOP);
            assert!(hint.contains("lock"));
        }
        other => panic!("{other:?}"),
    }
    assert!(fs::symlink_metadata(lock_of(&path)).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&target).unwrap(), "kept");
    assert!(!is_there(&path));
}

#[test]
fn a_file_that_only_happens_to_end_in_lock_is_neither_emptied_nor_removed() {
    let (directory, path) = place();
    let reactor = Reactor::new().unwrap();
    let path = path.with_file_name("Cargo");
    for precious in
        ["# This file is automatically @generated by Cargo.\n", "12a\n", "1".repeat(64).as_str()]
    {
        fs::write(lock_of(&path), precious).unwrap();
        match listen(&reactor, &path).map(drop) {
            Err(ListenError::Refused { source, hint, .. }) => {
                assert_eq!(source.raw_os_error(), libc::EEXIST);
                assert!(hint.contains("lock"), "{hint}");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(fs::read_to_string(lock_of(&path)).unwrap(), precious);
        assert!(!is_there(&path));
    }
    fs::remove_file(lock_of(&path)).unwrap();
    for left_by_a_dead_server in ["", "4194304\n"] {
        fs::write(lock_of(&path), left_by_a_dead_server).unwrap();
        drop(listen(&reactor, &path).unwrap().stop_listening());
        assert!(fs::read_dir(directory.path()).unwrap().next().is_none());
    }
}

#[test]
fn a_pipe_in_the_place_of_the_lock_file_makes_nobody_wait() {
    let (_directory, path) = place();
    let reactor = Reactor::new().unwrap();
    let lock = std::ffi::CString::new(lock_of(&path).as_os_str().as_encoded_bytes()).unwrap();
    // SAFETY: the name is a string that ends with a NUL.
    assert_eq!(unsafe { libc::mkfifo(lock.as_ptr(), 0o600) }, 0);
    assert!(matches!(listen(&reactor, &path), Err(ListenError::Refused { .. })));
    let used = ConnectUnix { lock_file: LockFile::Used, ..ConnectUnix::new(name(&path)) };
    let failure = connect(&reactor, &used).unwrap_err();
    assert!(matches!(failure, ConnectError::NotLocked { .. }), "{failure:?}");
    assert!(fs::symlink_metadata(lock_of(&path)).unwrap().file_type().is_fifo());
}

/// Connects, and gives what came of it.
fn connect(reactor: &Reactor, options: &ConnectUnix) -> Result<(), ConnectError> {
    let seen = Seen::new();
    let outcome = Rc::new(std::cell::RefCell::new(None));
    let told = outcome.clone();
    let connecting = reactor.connect_unix(options, Probe::new(&seen).once());
    drop(connecting.add_both(move |result: Result<(), deferred::Failure>| {
        let result = result.map_err(|failure| (*failure.trap::<ConnectError>().unwrap()).clone());
        told.replace(Some(result));
        Ok::<_, deferred::Failure>(())
    }));
    turn_until(reactor, "the attempt is decided", || outcome.borrow().is_some());
    assert_eq!(seen.is_made(), matches!(*outcome.borrow(), Some(Ok(()))));
    outcome.take().unwrap()
}

#[test]
fn a_client_can_ask_for_a_server_that_lives() {
    let (_directory, path) = place();
    let reactor = Reactor::new().unwrap();
    let used = ConnectUnix { lock_file: LockFile::Used, ..ConnectUnix::new(name(&path)) };
    let failure = connect(&reactor, &used).unwrap_err();
    assert!(matches!(failure, ConnectError::NotLocked { .. }), "no lock file: {failure:?}");
    fs::write(lock_of(&path), "1\n").unwrap();
    let failure = connect(&reactor, &used).unwrap_err();
    assert!(matches!(failure, ConnectError::NotLocked { .. }), "nobody holds it: {failure:?}");
    let port = listen(&reactor, &path).unwrap();
    connect(&reactor, &used).unwrap();
    let unlocked = ConnectUnix::new(name(&path));
    connect(&reactor, &unlocked).unwrap();
    drop(port.stop_listening());
    let failure = connect(&reactor, &unlocked).unwrap_err();
    assert!(matches!(failure, ConnectError::Refused { .. }), "{failure:?}");
}

#[test]
fn a_client_that_may_not_look_into_the_lock_file_connects_all_the_same() {
    in_child("a_client_that_may_not_look_into_the_lock_file_connects_all_the_same", || {
        // SAFETY: asking has no effects.
        if unsafe { libc::geteuid() } != 0 {
            return println!("skipped: only root can become somebody else");
        }
        let (directory, path) = place();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let reactor = Reactor::new().unwrap();
        let public = ListenUnix { mode: 0o666, ..options(&path) };
        let port = reactor.listen_unix(&public, echo()).unwrap();
        // SAFETY: it changes who this process is, and touches no memory.
        assert_eq!(unsafe { libc::seteuid(65534) }, 0);
        assert!(fs::File::open(lock_of(&path)).is_err());
        let used = ConnectUnix { lock_file: LockFile::Used, ..ConnectUnix::new(name(&path)) };
        let outcome = connect(&reactor, &used);
        // SAFETY: as above.
        assert_eq!(unsafe { libc::seteuid(0) }, 0);
        outcome.unwrap();
        drop(port.stop_listening());
    });
}

#[test]
fn a_client_that_looks_whether_a_server_lives_hinders_none_from_starting() {
    let (_directory, path) = place();
    let over = Arc::new(AtomicBool::new(false));
    let looking = std::thread::spawn({
        let (over, path) = (over.clone(), path.clone());
        move || {
            let reactor = Reactor::new().unwrap();
            let used = ConnectUnix { lock_file: LockFile::Used, ..ConnectUnix::new(name(&path)) };
            while !over.load(Ordering::Relaxed) {
                drop(reactor.connect_unix(&used, echo()).add_errback(|_| Ok(())));
                reactor.turn(Some(Duration::ZERO)).unwrap();
            }
        }
    });
    let reactor = Reactor::new().unwrap();
    let outcome =
        (0..300).try_for_each(|_| listen(&reactor, &path).map(|port| drop(port.stop_listening())));
    over.store(true, Ordering::Relaxed);
    looking.join().unwrap();
    outcome.unwrap();
}

#[test]
fn a_name_of_107_bytes_works_and_one_of_108_is_refused_with_both_numbers() {
    let directory = tempfile::tempdir().unwrap();
    let reactor = Reactor::new().unwrap();
    let room = 107 - directory.path().as_os_str().len() - 1;
    let longest = directory.path().join("n".repeat(room));
    let port = listen(&reactor, &longest).unwrap();
    connect(&reactor, &ConnectUnix::new(name(&longest))).unwrap();
    drop(port.stop_listening());
    let mut abstract_name = format!("ropewalk-{}-", std::process::id()).into_bytes();
    abstract_name.resize(107, b'a');
    let address = UnixAddress::Abstract(Rc::from(&*abstract_name));
    let port = reactor.listen_unix(&ListenUnix::new(address.clone()), echo()).unwrap();
    connect(&reactor, &ConnectUnix::new(address)).unwrap();
    drop(port.stop_listening());

    abstract_name.push(b'a');
    let too_long = directory.path().join("n".repeat(room + 1));
    for address in [name(&too_long), UnixAddress::Abstract(Rc::from(&*abstract_name))] {
        match reactor.listen_unix(&ListenUnix::new(address.clone()), echo()).map(drop) {
            Err(ListenError::NameTooLong { length: 108, limit: 107, .. }) => {}
            other => panic!("{other:?}"),
        }
        match connect(&reactor, &ConnectUnix::new(address)) {
            Err(ConnectError::NameTooLong { length: 108, limit: 107, .. }) => {}
            other => panic!("{other:?}"),
        }
    }
    reactor.disconnect_all();
    assert!(fs::read_dir(directory.path()).unwrap().next().is_none());
}

#[test]
fn a_path_that_is_none_is_refused_and_makes_no_file() {
    let directory = tempfile::tempdir().unwrap();
    let reactor = Reactor::new().unwrap();
    let mut cut = directory.path().join("cut").into_os_string().into_encoded_bytes();
    cut.extend_from_slice(b"\0short");
    for path in [&b""[..], b"\0abstract", &cut] {
        for lock_file in [LockFile::Used, LockFile::Ignored] {
            let address = UnixAddress::Path(Rc::from(path));
            let options = ListenUnix { lock_file, ..ListenUnix::new(address.clone()) };
            match reactor.listen_unix(&options, echo()).map(drop) {
                Err(ListenError::Refused { source, hint, .. }) => {
                    assert_eq!(source.raw_os_error(), libc::EINVAL);
                    assert!(!hint.is_empty(), "{path:?}");
                }
                other => panic!("{path:?}: {other:?}"),
            }
            match connect(&reactor, &ConnectUnix::new(address)) {
                Err(ConnectError::Refused { .. }) => {}
                other => panic!("{path:?}: {other:?}"),
            }
        }
    }
    assert!(fs::read_dir(directory.path()).unwrap().next().is_none());
}

#[test]
fn an_abstract_name_may_have_any_bytes_and_ends_with_its_server() {
    let reactor = Reactor::new().unwrap();
    let mut bytes = format!("ropewalk-{}", std::process::id()).into_bytes();
    bytes.extend_from_slice(b"\0\xff\n");
    let address = UnixAddress::Abstract(Rc::from(&*bytes));
    let port = reactor.listen_unix(&ListenUnix::new(address.clone()), echo()).unwrap();
    assert_eq!(port.host(), address.clone().into());
    let again = reactor.listen_unix(&ListenUnix::new(address.clone()), echo()).map(drop);
    match again {
        Err(ListenError::Refused { source, .. }) => {
            assert_eq!(source.raw_os_error(), libc::EADDRINUSE);
        }
        other => panic!("{other:?}"),
    }
    let used = ConnectUnix { lock_file: LockFile::Used, ..ConnectUnix::new(address.clone()) };
    connect(&reactor, &used).unwrap();
    drop(port.stop_listening());
    assert!(connect(&reactor, &used).is_err());
}

#[test]
fn a_missing_directory_is_named_as_the_reason_and_nothing_is_left() {
    let (directory, _) = place();
    let reactor = Reactor::new().unwrap();
    let path = directory.path().join("missing").join("s");
    for lock_file in [LockFile::Used, LockFile::Ignored] {
        match reactor.listen_unix(&ListenUnix { lock_file, ..options(&path) }, echo()).map(drop) {
            Err(ListenError::Refused { source, hint, .. }) => {
                assert_eq!(source.raw_os_error(), libc::ENOENT);
                assert!(!hint.is_empty());
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(reactor.census(), Census::default());
    assert!(fs::read_dir(directory.path()).unwrap().next().is_none());
}

#[test]
fn both_sides_learn_who_the_other_process_is() {
    let (_directory, path) = place();
    let reactor = Reactor::new().unwrap();
    let (server, client) = (Seen::new(), Seen::new());
    let factory = Probe::new(&server).once();
    let _port = reactor.listen_unix(&options(&path), factory).unwrap();
    let connecting =
        reactor.connect_unix(&ConnectUnix::new(name(&path)), Probe::new(&client).once());
    drop(connecting);
    turn_until(&reactor, "both are connected", || server.is_made() && client.is_made());
    // SAFETY: neither call has effects.
    let (user, group) = unsafe { (libc::geteuid(), libc::getegid()) };
    for side in [&server, &client] {
        let transport = side.transport();
        let unix = transport.as_unix().expect("it is a UNIX connection");
        assert_eq!(unix.peer_credentials(), Some((std::process::id(), user, group)));
        assert!(transport.as_tcp().is_none());
    }
    assert_eq!(client.transport().peer(), name(&path).into());
    reactor.disconnect_all();
    let ended = client.transport();
    assert_eq!(ended.as_unix().and_then(|unix| unix.peer_credentials()), None);
}
