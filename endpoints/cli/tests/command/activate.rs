//! Sockets handed to programs: to Python by the variables alone, and to the command's own `systemd:` endpoints.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::process::Command;

use testkit::{find_peer, pattern};

use crate::bytes::{MIB, assert_same, exchange};
use crate::running::{LIMIT, ROPEWALK, Running, connect, eventually, ropewalk};

const LOOPBACK: &str = "tcp:0:interface=127.0.0.1";

/// Says which sockets it has, and serves a client on each.
const PYTHON: [&str; 3] = ["python3", "-c", include_str!("activate.py")];

/// A running `ropewalk activate`, whose standard error comes with its standard output, line by line.
fn activate(arguments: &[&str]) -> Running {
    let mut command = Command::new("sh");
    command.args(["-c", r#"exec "$0" "$@" 2>&1"#, ROPEWALK, "activate"]).args(arguments);
    Running::command(command)
}

/// The address and the name of the next line `listening ADDRESS as NAME`.
fn listening(running: &mut Running) -> (String, String) {
    let line = running.listening();
    let (address, name) = line.rsplit_once(" as ").unwrap_or_else(|| panic!("{line:?}"));
    (address.into(), name.into())
}

fn unix(path: &str) -> UnixStream {
    let stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream
}

#[test]
fn a_program_gets_the_sockets_with_their_names_when_the_first_client_comes() {
    if find_peer("python3").is_none() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.sock");
    let path = path.to_str().unwrap();
    let (web, admin) = (format!("{LOOPBACK}=web"), format!("unix:{path}=admin"));
    let options = ["-l", &web, "-l", &admin, "-E", "EXTRA=1 2", "--"];
    let mut running = activate(&[&options[..], &PYTHON].concat());
    let (address, name) = listening(&mut running);
    assert_eq!((name.as_str(), listening(&mut running).1.as_str()), ("web", "admin"));
    let program = || fs::read(format!("/proc/{}/exe", running.id())).unwrap();
    assert!(program() == fs::read(ROPEWALK).unwrap(), "no client has come");

    let client = connect(&address);
    // The number of the process is the command's own.
    let told = format!("own=True pid={} names=['web', 'admin'] extra=1 2", running.id());
    assert_eq!(running.line(), told);
    assert_eq!(running.line(), "3 AF_INET listens=True blocking=True");
    assert_same(&exchange(client, pattern(1, MIB)), &pattern(1, MIB));
    assert_eq!(running.line(), "4 AF_UNIX listens=True blocking=True");
    assert_same(&exchange(unix(path), pattern(2, MIB)), &pattern(2, MIB));
    assert_eq!(running.wait().code, Some(7), "the code is the program's");
}

#[test]
fn the_path_of_a_program_that_has_ended_is_free_for_the_next() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.sock");
    let listen = format!("unix:{}", path.display());
    for _ in 0..2 {
        let mut running = activate(&["--now", "-l", &listen, "true"]);
        assert_eq!(listening(&mut running).1, "unknown");
        assert_eq!(running.wait().code, Some(0));
        assert!(path.exists(), "a program leaves what it did not make");
    }
}

#[test]
fn a_signal_ends_the_wait_for_a_client_and_removes_the_path() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.sock");
    for signal in ["TERM", "INT"] {
        let mut running = activate(&["-l", &format!("unix:{}", path.display()), "false"]);
        listening(&mut running);
        running.signal(signal);
        assert_eq!(running.wait().code, Some(0));
        assert!(!path.exists());
    }
}

#[test]
fn the_command_serves_and_relays_on_what_it_was_handed() {
    let serve = ["--", ROPEWALK, "serve", "echo", "systemd:name=web"];
    let mut echo = activate(&[&["-l", LOOPBACK, "--fdname", "web"], &serve[..]].concat());
    let (address, name) = listening(&mut echo);
    assert_eq!(name, "web");
    let to_echo = format!("tcp:{address}");
    let relay = ["--now", "-l", LOOPBACK, "--", ROPEWALK, "relay", "systemd:index=0", &to_echo];
    let mut relay = activate(&relay);
    let (relayed, _) = listening(&mut relay);
    assert_eq!(relay.listening(), relayed);
    assert_same(&exchange(connect(&relayed), pattern(3, MIB)), &pattern(3, MIB));
    assert_eq!(echo.listening(), address);
    assert_eq!((relay.terminate().code, echo.terminate().code), (Some(0), Some(0)));
}

#[test]
fn each_connection_has_a_program_of_its_own_with_the_connection_as_its_third_descriptor() {
    if find_peer("python3").is_none() {
        return;
    }
    let web = format!("{LOOPBACK}=web");
    let mut running = activate(&[&["--accept", "-l", &web, "--"], &PYTHON[..]].concat());
    let (address, _) = listening(&mut running);
    for seed in [4, 5] {
        let client = connect(&address);
        let line = running.line();
        assert!(line.starts_with("own=True pid=") && line.ends_with(" names=['web'] extra=None"));
        assert!(!line.contains(&format!("pid={} ", running.id())), "{line}");
        assert_eq!(running.line(), "3 AF_INET listens=False blocking=True");
        assert_eq!(running.line(), "remote=True");
        assert_same(&exchange(client, pattern(seed, MIB)), &pattern(seed, MIB));
        let line = running.line();
        assert!(line.starts_with("warning: the program for 127.0.0.1:"), "{line}");
        assert!(line.contains('7'), "{line}");
    }
    assert_eq!(running.terminate().code, Some(0));
}

#[test]
fn cat_is_a_server_by_inetds_ways_and_more_clients_wait() {
    let options = ["-a", "--inetd", "--max-connections", "2", "-l", LOOPBACK, "--", "cat"];
    let mut running = activate(&options);
    let (address, _) = listening(&mut running);
    let mut held: Vec<_> = (0..2).map(|_| connect(&address)).collect();
    for stream in &mut held {
        stream.write_all(b"x").unwrap();
        stream.read_exact(&mut [0]).unwrap();
    }
    let mut waiting = connect(&address);
    waiting.write_all(b"x").unwrap();
    waiting.set_nonblocking(true).unwrap();
    assert_eq!(children(running.id()), 2);
    assert!(waiting.read(&mut [0]).is_err(), "there are two already");
    waiting.set_nonblocking(false).unwrap();
    drop(held.pop());
    waiting.read_exact(&mut [0]).unwrap();
    assert_same(&exchange(held.remove(0), pattern(6, MIB)), &pattern(6, MIB));
    drop(waiting);
    eventually("every program has ended", || children(running.id()) == 0);
    assert_eq!(running.terminate().code, Some(0));
}

/// The children of a process (proc_pid_task(5), `children`).
fn children(id: u32) -> usize {
    let path = format!("/proc/{id}/task/{id}/children");
    fs::read_to_string(path).unwrap().split_whitespace().count()
}

#[test]
fn a_signal_is_handed_on_to_each_program_and_the_command_ends_with_the_last() {
    let script = "trap 'echo over; exit' TERM; echo begun; while :; do sleep 0.05; done";
    let options = ["--accept", "-l", LOOPBACK, "-l", LOOPBACK, "--", "sh", "-c", script];
    let mut running = activate(&options);
    let addresses = [listening(&mut running).0, listening(&mut running).0];
    let held = addresses.map(|address| connect(&address));
    assert_eq!([running.line(), running.line()], ["begun", "begun"]);
    running.signal("TERM");
    assert_eq!([running.line(), running.line()], ["over", "over"]);
    assert_eq!(running.wait().code, Some(0));
    drop(held);
}

#[test]
fn the_second_signal_ends_the_command_and_leaves_a_program_that_does_not_end() {
    let script = "trap '' TERM INT; echo $$; read line";
    let mut running = activate(&["--accept", "--inetd", "-l", LOOPBACK, "--", "sh", "-c", script]);
    let (address, _) = listening(&mut running);
    let mut client = connect(&address);
    let mut number = [0; 16];
    let length = client.read(&mut number).unwrap();
    let number = String::from_utf8(number[..length].to_vec()).unwrap();
    running.signal("TERM");
    std::thread::sleep(std::time::Duration::from_millis(100));
    assert!(running.is_running());
    running.signal("INT");
    eventually("the command has ended", || !running.is_running());
    assert!(fs::exists(format!("/proc/{}", number.trim())).unwrap());
    client.write_all(b"\n").unwrap();
    client.read_to_end(&mut Vec::new()).unwrap();
    assert_eq!(running.wait().code, Some(0));
}

#[test]
fn what_cannot_be_handed_over_is_refused_before_anything_listens() {
    let named = format!("{LOOPBACK}=web");
    let cases: [(&[&str], i32, &str); 10] = [
        (&["-l", LOOPBACK, "--", "no-such-program"], 69, "no such program in PATH"),
        (&["-l", LOOPBACK, "--", "/etc/passwd"], 69, "no such program"),
        (&["-l", "tcp:8o=web", "--", "true"], 64, "  tcp:8o\n"),
        (&["-l", "tcp:80=", "--", "true"], 64, "expected the name of a\n  socket: 1 to 255 "),
        (&["-l", "ssl:443:privateKey=/k", "--", "true"], 64, "without the layers"),
        (&["-l", "haproxy:tcp:80", "--", "true"], 64, "without the layers"),
        (&["-l", &named, "--fdname=web", "--", "true"], 64, "not both"),
        (&["-l", LOOPBACK, "--fdname=a:b", "--", "true"], 64, "one name for each"),
        (&["-l", LOOPBACK, "-l", LOOPBACK, "--inetd", "true"], 64, "one socket"),
        (&["-l", LOOPBACK], 64, "PROGRAM"),
    ];
    for (arguments, code, text) in cases {
        let ended = ropewalk(&[&["activate"], arguments].concat());
        assert_eq!(ended.code, Some(code), "{arguments:?}: {}", ended.errors);
        assert!(ended.errors.contains(text), "{arguments:?}: {}", ended.errors);
        assert!(!ended.errors.contains("listening"), "{}", ended.errors);
    }
}

#[test]
fn a_program_that_the_system_does_not_run_is_told_with_its_cause() {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("program");
    fs::write(&program, "#!/no/such/interpreter\n").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&program, mode).unwrap();
    let program = program.to_str().unwrap();
    let ended = ropewalk(&["activate", "--now", "-l", LOOPBACK, program]);
    assert_eq!(ended.code, Some(69), "{}", ended.errors);
    let last = ended.errors.lines().last().unwrap();
    assert!(last.starts_with(&format!("error: cannot run {program}: No such file")), "{last}");
}
