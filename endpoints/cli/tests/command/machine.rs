//! The faults of the machine that the command runs on: no descriptors, no threads, a full disk, a stop.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use testkit::{find_peer, skip};

use crate::running::{ROPEWALK, Running, connect, eventually, ropewalk_command, wait};

const NEAR: &str = "tcp:0:interface=127.0.0.1";

/// How many clients come to a process with [`DESCRIPTORS`].
const CLIENTS: usize = 2000;
const DESCRIPTORS: usize = 256;

/// How long a starved process is watched.
const WATCHED: Duration = Duration::from_secs(2);

/// A server under `ulimit`, with these options.
fn limited(limit: &str, arguments: &[&str]) -> Running {
    let mut command = Command::new("sh");
    let script = format!(r#"ulimit {limit}; exec "$0" "$@""#);
    command.args(["-c", &script, ROPEWALK]).args(arguments);
    Running::command(command)
}

/// Sets the most descriptors that a process may have; tells whether that is possible.
fn set_descriptors(process: u32, limit: usize) -> bool {
    let Some(mut prlimit) = find_peer("prlimit") else { return false };
    prlimit.args(["--pid", &process.to_string(), &format!("--nofile={limit}:")]);
    prlimit.status().is_ok_and(|status| status.success())
}

/// Whether this process may have `count` descriptors, from proc(5).
fn has_descriptors(count: usize) -> bool {
    let limits = fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let limit = line.and_then(|line| line.split_whitespace().next()).unwrap();
    limit == "unlimited" || limit.parse::<usize>().unwrap() >= count
}

/// Lets this process have a socket for every client of all tests here, which may run at a time.
fn can_have_clients() -> bool {
    let can = has_descriptors(4 * CLIENTS) || set_descriptors(std::process::id(), 4 * CLIENTS);
    if !can {
        skip("this process cannot have as many descriptors as there are clients");
    }
    can
}

/// The processor time that a process has used, from proc(5), in ticks of 10 ms.
fn processor_time(running: &Running) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{}/stat", running.id())).unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let ticks = |number: usize| fields.split(' ').nth(number).unwrap().parse::<u64>().unwrap();
    Duration::from_millis(10 * (ticks(11) + ticks(12)))
}

fn assert_echoed(stream: &mut TcpStream) {
    stream.write_all(b"ping").unwrap();
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"ping");
}

/// Asserts that a starved server uses less than a twentieth of a core, and that who is connected is served.
fn assert_rests(server: &Running, served: &mut TcpStream) {
    let (before, start) = (processor_time(server), Instant::now());
    while start.elapsed() < WATCHED {
        assert_echoed(served);
        thread::sleep(WATCHED / 20);
    }
    let (used, passed) = (processor_time(server) - before, start.elapsed());
    eprintln!("starved, it used {used:?} in {passed:?}");
    assert!(used < passed / 20, "{used:?} in {passed:?}");
}

/// Asserts that a client that comes when there is room again is served within a second.
fn assert_accepts_again(address: &str) {
    let start = Instant::now();
    let is_served = || {
        let mut stream = connect(address);
        let _ = stream.write_all(b"ping");
        matches!(stream.read(&mut [0; 4]), Ok(4))
    };
    while !is_served() {
        assert!(start.elapsed() < Duration::from_secs(1), "not within a second");
    }
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
}

#[test]
fn two_thousand_clients_of_a_process_with_256_descriptors_wait_and_cost_nothing() {
    if !can_have_clients() {
        return;
    }
    let limit = format!("-n {DESCRIPTORS}");
    let mut server = limited(&limit, &["serve", "echo", NEAR, "--first-byte-timeout", "0"]);
    let address = server.listening();
    let mut first = connect(&address);
    assert_echoed(&mut first);
    let clients: Vec<_> = (0..CLIENTS).map(|_| connect(&address)).collect();
    assert_rests(&server, &mut first);
    drop(clients);
    assert_accepts_again(&address);
    assert_echoed(&mut first);
    let ended = server.terminate();
    assert_eq!(ended.code, Some(0));
    // One for the time of want; another where the queue of those that have left fills it up once more.
    let lines: Vec<_> = ended.errors.lines().collect();
    let told = "connections are open and the next ones wait";
    assert!((1..=2).contains(&lines.len()), "{}", ended.errors);
    assert!(lines.iter().all(|line| line.contains(told)), "{}", ended.errors);
}

#[test]
fn a_process_that_loses_its_descriptors_turns_clients_away_and_recovers() {
    if !can_have_clients() {
        return;
    }
    let mut server = Running::ropewalk(&["serve", "echo", NEAR, "--first-byte-timeout", "0"]);
    let address = server.listening();
    let mut first = connect(&address);
    assert_echoed(&mut first);
    let open = fs::read_dir(format!("/proc/{}/fd", server.id())).unwrap().count();
    assert!(set_descriptors(server.id(), open + 2));
    let clients: Vec<_> = (0..CLIENTS).map(|_| connect(&address)).collect();
    let (kept, turned_away): (Vec<_>, Vec<_>) = clients.iter().partition(|client| waits(client));
    // A number below the limit may be free.
    assert!(kept.len() <= 8, "{} are kept", kept.len());
    assert_eq!(kept.len() + turned_away.len(), CLIENTS);
    assert_rests(&server, &mut first);
    assert!(set_descriptors(server.id(), DESCRIPTORS));
    assert_accepts_again(&address);
    drop(clients);
    let ended = server.terminate();
    assert_eq!(ended.code, Some(0));
    let lines = ended.errors.lines().count();
    assert!((1..=5 + 10).contains(&lines), "{}", ended.errors);
    assert!(ended.errors.contains("Too many open files"), "{}", ended.errors);
}

/// Whether a client is neither served nor turned away, in a moment.
fn waits(mut client: &TcpStream) -> bool {
    client.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let read = client.read(&mut [0; 1]);
    read.is_err_and(|error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
}

#[test]
fn a_log_on_a_full_disk_stops_neither_the_loop_nor_the_shutdown() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let full = || OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = ropewalk_command();
    command.args(["relay", NEAR, &format!("tcp:{closed}"), "--retry", "0"]);
    let mut child = command.stdout(Stdio::piped()).stderr(full()).spawn().unwrap();
    let mut output = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut output, &mut line).unwrap();
    let address = line.trim_end().strip_prefix("listening ").unwrap();
    for _ in 0..200 {
        let _ = connect(address).read(&mut [0]);
    }
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-s", "TERM", &id]).status().unwrap().success());
    assert_eq!(wait(&mut child), Some(0));
}

#[test]
fn a_standard_output_on_a_full_disk_leaves_the_server_serving() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let mut command = ropewalk_command();
    command.args(["serve", "echo", &format!("unix:{}", path.display())]).stdin(Stdio::null());
    command.stdout(OpenOptions::new().write(true).open("/dev/full").unwrap());
    let mut child = command.stderr(Stdio::null()).spawn().unwrap();
    // The path is there a moment before it is listened on.
    let mut stream = None;
    eventually("it is connected to", || {
        stream = std::os::unix::net::UnixStream::connect(&path).ok();
        stream.is_some()
    });
    let mut stream = stream.unwrap();
    stream.write_all(b"x").unwrap();
    stream.read_exact(&mut [0]).unwrap();
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-s", "TERM", &id]).status().unwrap().success());
    assert_eq!(wait(&mut child), Some(0));
}

#[test]
fn after_a_stop_longer_than_every_deadline_what_came_meanwhile_is_served() {
    let far = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = format!("tcp:{}", far.local_addr().unwrap());
    let mut serve = Running::ropewalk(&["serve", "echo", NEAR, "--first-byte-timeout", "1s"]);
    let mut relay = Running::ropewalk(&["relay", NEAR, &to, "--idle-timeout", "1s"]);
    let (mut client, mut near) = (serve.connect(), relay.connect());
    let (mut far, _) = far.accept().unwrap();
    // Both are accepted by now, as what follows is answered after the first second or not at all.
    near.write_all(b"a").unwrap();
    far.read_exact(&mut [0]).unwrap();
    thread::sleep(Duration::from_millis(100));
    for running in [&serve, &relay] {
        running.signal("STOP");
    }
    client.write_all(b"in time").unwrap();
    near.write_all(b"in time").unwrap();
    thread::sleep(Duration::from_millis(1500));
    for running in [&serve, &relay] {
        running.signal("CONT");
    }
    for stream in [&mut client, &mut far] {
        let mut answer = [0; 7];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"in time");
    }
}

#[test]
fn without_threads_it_serves_reports_and_ends() {
    let Some(mut command) = without_threads() else { return };
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    command.args(["relay", NEAR, &format!("tcp:localhost:{}", closed.port()), "--retry", "0"]);
    let mut relay = Running::command(command);
    let address = relay.listening();
    for _ in 0..3 {
        let end = connect(&address).read(&mut [0; 1]);
        assert!(end.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset));
    }
    let ended = relay.terminate();
    assert_eq!(ended.code, Some(0), "{}", ended.errors);
    assert!(ended.errors.contains("error: relaying 127.0.0.1:"), "{}", ended.errors);
    let Some(mut command) = without_threads() else { return };
    command.args(["serve", "echo", NEAR]);
    let mut server = Running::command(command);
    assert_echoed(&mut server.connect());
    assert_eq!(server.terminate().code, Some(0));
}

#[test]
fn workers_without_threads_are_refused_by_name() {
    let Some(mut command) = without_threads() else { return };
    command.args(["serve", "echo", NEAR, "--workers", "3"]);
    let ended = crate::running::run(command, Vec::new());
    assert_eq!(ended.code, Some(69), "{}", ended.errors);
    assert!(ended.errors.contains("--workers"), "{}", ended.errors);
}

/// The command as a user who may have one process, and no further thread.
fn without_threads() -> Option<Command> {
    let mut command = find_peer("setpriv")?;
    let own = fs::metadata("/proc/self").map(|own| std::os::unix::fs::MetadataExt::uid(&own));
    if own.ok() != Some(0) {
        skip("only root can become a user without threads");
        return None;
    }
    command.args(["--reuid", "39817", "--clear-groups", "--inh-caps=-all"]);
    command.args(["prlimit", "--nproc=1:1", "--", ROPEWALK]);
    Some(command)
}
