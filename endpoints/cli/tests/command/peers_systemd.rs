//! Two sockets from systemd-socket-activate, one taken by its place and one by its name.

use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::Path;

use testkit::{find_peer, pattern};

use crate::bytes::{assert_same, exchange};
use crate::peer::is_listening;
use crate::running::{LIMIT, ROPEWALK, Running, connect, eventually};

/// systemd-socket-activate does not take port 0, so it gets one that was free just before, and
/// another one when that is taken meanwhile.
fn activate(path: &Path) -> Option<Running> {
    for _ in 0..20 {
        let mut command = find_peer("systemd-socket-activate")?;
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        command.args(["-l", &free.to_string(), "-l"]).arg(path).arg("--fdname=web:local");
        command.args([ROPEWALK, "serve", "echo"]);
        command.args(["systemd:domain=INET:index=0", "systemd:name=local"]);
        let mut running = Running::command(command);
        let mut ended = false;
        eventually("systemd-socket-activate listens or ends", || {
            ended = !running.is_running();
            ended || is_listening(path)
        });
        if !ended {
            return Some(running);
        }
    }
    panic!("no port stays free long enough");
}

#[test]
fn systemd_hands_over_two_sockets_one_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("local.sock");
    let Some(mut running) = activate(&path) else { return };
    // The first connection starts the program.
    let local = UnixStream::connect(&path).unwrap();
    local.set_read_timeout(Some(LIMIT)).unwrap();
    assert_same(&exchange(local, pattern(41, 1_000_000)), &pattern(41, 1_000_000));

    let web = running.listening();
    assert!(web.starts_with("127.0.0.1:"), "{web}");
    assert_eq!(running.listening(), format!("unix:{}", path.display()));
    assert_same(&exchange(connect(&web), pattern(42, 1_000_000)), &pattern(42, 1_000_000));

    let ended = running.terminate();
    assert_eq!(ended.code, Some(0), "{}", ended.errors);
    assert!(path.exists(), "what was inherited is not ours to remove");
}
