//! `--upgrade`: the next version takes the listening sockets, and no client is refused or cut.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use testkit::{pattern, skip};

use crate::bytes::{MIB, assert_same, exchange};
use crate::running::{LIMIT, Running, connect, eventually, ropewalk, ropewalk_command};

/// A folder with the path of the upgrade and that of a UNIX server, and an address of TCP.
struct Place {
    directory: tempfile::TempDir,
    address: SocketAddr,
}

impl Place {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Self { directory: tempfile::tempdir().unwrap(), address: listener.local_addr().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn tcp(&self) -> String {
        format!("tcp:{}:interface=127.0.0.1", self.address.port())
    }

    fn unix(&self) -> String {
        format!("unix:{}", self.path("echo.sock").display())
    }

    fn upgrade(&self) -> String {
        format!("--upgrade=unix:{}", self.path("upgrade").display())
    }

    /// The next version, once it listens and can be followed by another.
    fn version(&self) -> Running {
        let (tcp, unix, upgrade) = (self.tcp(), self.unix(), self.upgrade());
        let mut running = Running::ropewalk(&["serve", "echo", &tcp, &unix, &upgrade]);
        (0..2).for_each(|_| drop(running.listening()));
        running
    }

    /// Waits for the version that runs to be one that can be followed.
    fn wait_for(&self, running: &Running) {
        let lock = self.path("upgrade.lock");
        let number = running.id().to_string();
        eventually("it waits for the next version", || {
            fs::read_to_string(&lock).is_ok_and(|text| text.trim() == number)
        });
    }

    fn unix_client(&self) -> UnixStream {
        let client = UnixStream::connect(self.path("echo.sock")).unwrap();
        client.set_read_timeout(Some(LIMIT)).unwrap();
        client
    }

    /// Clients of both sockets, one after the other, until the end; they count what was served.
    fn load(
        self: &Arc<Self>,
        end: &Arc<AtomicBool>,
        served: &Arc<AtomicUsize>,
    ) -> Vec<JoinHandle<()>> {
        let client = |is_unix: bool| {
            let (place, end, served) = (self.clone(), end.clone(), served.clone());
            thread::spawn(move || {
                let data = pattern(11, 20_000);
                while !end.load(Ordering::Relaxed) {
                    let received = match is_unix {
                        true => exchange(place.unix_client(), data.clone()),
                        false => exchange(connect(&place.address.to_string()), data.clone()),
                    };
                    assert_same(&received, &data);
                    served.fetch_add(1, Ordering::Relaxed);
                }
            })
        };
        [false, false, true, true].map(client).into()
    }
}

#[test]
fn versions_follow_each_other_under_load_and_no_client_is_refused_or_cut() {
    let place = Arc::new(Place::new());
    let (end, served) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut running = place.version();
    let mut held = connect(&place.address.to_string());
    held.write_all(b"x").unwrap();
    held.read_exact(&mut [0]).unwrap();
    let clients = place.load(&end, &served);
    let mut first = None;
    for _ in 0..5 {
        place.wait_for(&running);
        let before = served.load(Ordering::Relaxed);
        let next = place.version();
        let old = std::mem::replace(&mut running, next);
        match first {
            None => first = Some(old),
            Some(_) => {
                let ended = old.wait();
                assert_eq!(ended.code, Some(0), "{}", ended.errors);
                assert!(
                    ended.errors.contains("the next version has the sockets"),
                    "{}",
                    ended.errors
                );
            }
        }
        eventually("clients are served", || served.load(Ordering::Relaxed) > before + 8);
    }
    end.store(true, Ordering::Relaxed);
    clients.into_iter().for_each(|client| client.join().unwrap());
    // The first version has a connection, and ends with it.
    let mut first = first.unwrap();
    assert!(first.is_running());
    assert_same(&exchange(held, pattern(12, MIB)), &pattern(12, MIB));
    assert_eq!(first.wait().code, Some(0));
    place.wait_for(&running);
    assert_eq!(running.terminate().code, Some(0));
}

#[test]
fn a_next_version_that_dies_in_the_middle_changes_nothing() {
    let place = Place::new();
    let mut running = place.version();
    place.wait_for(&running);
    for said in [&b""[..], b"read", b"nonsense\n", &[b'x'; 4096]] {
        let mut dying = UnixStream::connect(place.path("upgrade")).unwrap();
        let _ = dying.read(&mut [0; 16]);
        let _ = dying.write_all(said);
        drop(dying);
    }
    assert_same(&exchange(place.unix_client(), pattern(13, MIB)), &pattern(13, MIB));
    assert!(running.is_running() && place.path("upgrade").exists());
    // One whose other endpoint is taken has the sockets, and is not ready.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let other = format!("tcp:{}:interface=127.0.0.1", taken.local_addr().unwrap().port());
    let ended = ropewalk(&["serve", "echo", &place.tcp(), &place.unix(), &other, &place.upgrade()]);
    assert_eq!(ended.code, Some(69), "{}", ended.errors);
    assert_same(&exchange(place.unix_client(), pattern(14, MIB)), &pattern(14, MIB));
    let address = place.address.to_string();
    assert_same(&exchange(connect(&address), pattern(15, MIB)), &pattern(15, MIB));
    let next = place.version();
    assert_eq!((running.wait().code, next.terminate().code), (Some(0), Some(0)));
}

#[test]
fn a_version_that_was_killed_leaves_a_path_that_the_next_one_takes() {
    let place = Place::new();
    let running = place.version();
    place.wait_for(&running);
    running.signal("KILL");
    assert_eq!(running.wait().code, None);
    assert!(place.path("upgrade").exists(), "it had no time to remove it");
    let next = place.version();
    place.wait_for(&next);
    assert_same(&exchange(place.unix_client(), pattern(16, MIB)), &pattern(16, MIB));
    assert_eq!(next.terminate().code, Some(0));
    assert!(!place.path("upgrade").exists());
}

#[test]
fn another_server_at_the_path_is_told_and_nothing_is_opened() {
    let place = Place::new();
    let other = UnixListener::bind(place.path("upgrade")).unwrap();
    let answering = thread::spawn(move || {
        let (mut client, _) = other.accept().unwrap();
        client.write_all(b"220 mail.example ESMTP\r\n").unwrap();
        let _ = client.read(&mut [0]);
    });
    let ended = ropewalk(&["serve", "echo", &place.tcp(), &place.upgrade()]);
    assert_eq!(ended.code, Some(69), "{}", ended.errors);
    assert!(ended.errors.contains("it speaks another language"), "{}", ended.errors);
    answering.join().unwrap();
    let ended = ropewalk(&["serve", "echo", &place.tcp(), &place.upgrade(), "--workers", "2"]);
    assert_eq!(ended.code, Some(64), "{}", ended.errors);
    assert!(ended.errors.contains("--upgrade is for one worker"), "{}", ended.errors);
}

#[test]
fn a_process_of_another_user_gets_no_socket() {
    let place = Place::new();
    let path = place.path("upgrade");
    let upgrade = format!("{}:mode=666", place.upgrade());
    let running = Running::ropewalk(&["serve", "echo", &place.tcp(), &upgrade]);
    place.wait_for(&running);
    fs::set_permissions(place.directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let mut stranger = ropewalk_command();
    stranger.args(["serve", "echo", "tcp:0:interface=127.0.0.1"]);
    stranger.arg(format!("--upgrade=unix:{}", path.display())).uid(65_534);
    match stranger.output() {
        Ok(output) if output.status.code() == Some(69) => {
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(errors.contains("has given no sockets"), "{errors}");
        }
        Ok(output) => panic!("{output:?}"),
        Err(error) => skip(&format!("this user may not run a program as another one: {error}")),
    }
    assert_same(
        &exchange(connect(&place.address.to_string()), pattern(17, MIB)),
        &pattern(17, MIB),
    );
    let ended = running.terminate();
    assert_eq!(ended.code, Some(0), "{}", ended.errors);
}
