//! The examples that a user copies, run as processes and judged by other programs.
//!
//! Invariant: no port is fixed, and nothing waits without a bound.

mod support;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use testkit::find_peer;

use self::support::{Example, executable};

const PATIENCE: Duration = Duration::from_secs(20);

/// An example that listens.
struct Running {
    example: Example,
    address: SocketAddr,
}

impl Running {
    /// Starts it, and waits until it listens.
    fn new(name: &str, arguments: &[&str], environment: &[(&str, &Path)]) -> Self {
        let mut example = Example::start_with(name, arguments, environment);
        let address = example.address().parse().expect("an address");
        Self { example, address }
    }

    fn id(&self) -> u32 {
        self.example.process.0.id()
    }

    fn terminate(&self) {
        let killed = Command::new("kill").arg(self.id().to_string()).status();
        assert!(killed.expect("there is kill").success());
    }

    /// Connects until that fails; a client that is let in meanwhile leaves at once.
    fn wait_until_refused(&self) {
        let end = Instant::now() + PATIENCE;
        while TcpStream::connect(self.address).is_ok() {
            assert!(Instant::now() < end, "it goes on to listen");
        }
    }

    /// Its end, and what it logged until then.
    fn end(mut self) -> (ExitStatus, String) {
        let end = Instant::now() + PATIENCE;
        while self.example.process.0.try_wait().expect("it can be waited for").is_none() {
            assert!(Instant::now() < end, "it does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
        let mut log = String::new();
        self.example.log.read_to_string(&mut log).expect("text");
        (self.example.process.0.wait().expect("it has ended"), log)
    }
}

const LISTEN: &str = "tcp:0:interface=127.0.0.1";

/// A web server that says hello; it serves until the test ends.
fn web_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(stream.try_clone().expect("a copy"));
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|length| length > 2) {
                line.clear();
            }
            // A client that went away has no answer.
            let _ = stream.write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello");
        }
    });
    address
}

#[test]
fn curl_takes_every_way_through_the_socks_proxy() {
    let Some(_) = find_peer("curl") else { return };
    let (web, proxy) = (web_server(), Running::new("socks_proxy", &[LISTEN], &[]));
    let through = proxy.address.to_string();
    let curl = |way: &str, url: String| -> Output {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--max-time", "20", "--noproxy", ""]);
        curl.args([way, &through, &url]).output().expect("curl runs")
    };
    for (way, host) in [
        ("--socks4", "127.0.0.1"),
        ("--socks4a", "localhost"),
        ("--socks5", "127.0.0.1"),
        ("--socks5-hostname", "localhost"),
        ("--socks5-hostname", "127.0.0.1"),
    ] {
        let output = curl(way, format!("http://{host}:{}/", web.port()));
        assert!(output.status.success(), "{way} {host}: {output:?}");
        assert_eq!(output.stdout, b"hello", "{way} {host}");
    }
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port");
    let output = curl("--socks5", format!("http://{closed}/"));
    assert_eq!(output.status.code(), Some(97), "a failure of the proxy: {output:?}");
    proxy.terminate();
    let (status, log) = proxy.end();
    assert_eq!(status.signal(), Some(15), "{log}");
    assert!(log.contains("no longer listening on"), "{log}");
}

#[test]
fn a_client_fingers_a_user() {
    let Some(_) = find_peer("socat") else { return };
    let users = [LISTEN, "moshez=Happy and well", "esmerelda=Busy"];
    let server = Running::new("finger", &users, &[]);
    let ask = |request: &str| {
        let mut socat = Command::new("socat");
        socat.args(["-t", "20", "-", &format!("TCP:{}", server.address)]);
        let mut socat =
            socat.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it runs");
        let mut input = socat.stdin.take().expect("a pipe");
        input.write_all(request.as_bytes()).expect("it reads");
        drop(input);
        let output = socat.wait_with_output().expect("it ends");
        String::from_utf8(output.stdout).expect("text")
    };
    assert_eq!(ask("moshez\r\n"), "Happy and well\r\n");
    assert_eq!(ask("nemo\r\n"), "No such user\r\n");
    assert_eq!(ask("\r\n"), "esmerelda\r\nmoshez\r\n");
}

/// A job that the worker has begun.
fn job(worker: &Running, milliseconds: &str) -> TcpStream {
    let mut job = TcpStream::connect(worker.address).expect("it listens");
    job.set_read_timeout(Some(PATIENCE)).expect("a time");
    job.write_all(milliseconds.as_bytes()).expect("it reads");
    job
}

fn answer(mut job: TcpStream) -> String {
    let mut answer = String::new();
    // A job that is cut off has a reset.
    let _ = job.read_to_string(&mut answer);
    answer
}

#[test]
fn a_worker_ends_its_jobs_and_takes_no_more_after_sigterm() {
    let directory = tempfile::tempdir().expect("a directory");
    let (pid_file, socket) = (directory.path().join("pid"), directory.path().join("notify"));
    let supervisor = UnixDatagram::bind(&socket).expect("a socket");
    supervisor.set_read_timeout(Some(PATIENCE)).expect("a time");
    let heard = || {
        let mut buffer = [0; 64];
        let length = supervisor.recv(&mut buffer).expect("it is told");
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    let arguments = [LISTEN, pid_file.to_str().expect("text")];
    let worker = Running::new("worker", &arguments, &[("NOTIFY_SOCKET", &socket)]);
    assert_eq!(heard(), "READY=1");
    let written = fs::read_to_string(&pid_file).expect("a pid file");
    assert_eq!(written, format!("{}\n", worker.id()));
    assert_eq!(answer(job(&worker, "1")), "done\n");
    let jobs = ["600", "900"].map(|milliseconds| job(&worker, milliseconds));
    // The answer of a third one shows that these two have been accepted.
    assert_eq!(answer(job(&worker, "1")), "done\n");
    worker.terminate();
    assert_eq!(heard(), "STOPPING=1");
    worker.wait_until_refused();
    for job in jobs {
        assert_eq!(answer(job), "done\n");
    }
    let (status, log) = worker.end();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(!pid_file.exists());
}

#[test]
fn a_client_that_leaves_without_a_job_does_not_hold_a_worker_up() {
    let worker = Running::new("worker", &[LISTEN], &[]);
    let mut idle = TcpStream::connect(worker.address).expect("it listens");
    idle.shutdown(Shutdown::Write).expect("it is connected");
    idle.set_read_timeout(Some(PATIENCE)).expect("a time");
    assert_eq!(idle.read(&mut [0]).expect("the end"), 0);
    let waiting = TcpStream::connect(worker.address).expect("it listens");
    assert_eq!(answer(job(&worker, "1")), "done\n");
    worker.terminate();
    worker.wait_until_refused();
    drop(waiting);
    let (status, log) = worker.end();
    assert_eq!(status.code(), Some(0), "{log}");
}

#[test]
fn a_second_signal_cuts_a_worker_off() {
    let worker = Running::new("worker", &[LISTEN], &[]);
    let long = job(&worker, "600000");
    assert_eq!(answer(job(&worker, "1")), "done\n");
    worker.terminate();
    worker.wait_until_refused();
    worker.terminate();
    assert_eq!(worker.end().0.code(), Some(0));
    assert_eq!(answer(long), "");
}

#[test]
fn a_second_worker_with_the_same_pid_file_does_not_run() {
    let directory = tempfile::tempdir().expect("a directory");
    let pid_file = directory.path().join("pid");
    let arguments = [LISTEN, pid_file.to_str().expect("text")];
    let _worker = Running::new("worker", &arguments, &[]);
    let second = Command::new(executable("worker")).args(arguments).output().expect("it runs");
    assert_eq!(second.status.code(), Some(78));
    assert_eq!(String::from_utf8_lossy(&second.stderr), "Already running.\n");
    assert!(pid_file.exists());
}

/// The lines of an example but for comments, imports and those of nothing but braces.
fn own_lines(example: &str) -> usize {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("examples/{example}.rs"));
    let text = fs::read_to_string(path).expect("it is there");
    let is_own = |line: &&str| {
        let is_aside = ["//", "#!", "use "].iter().any(|head| line.starts_with(head));
        !is_aside && !line.chars().all(|sign| "{}();".contains(sign))
    };
    text.lines().map(str::trim).filter(is_own).count()
}

#[test]
fn three_programs_that_everybody_writes_are_short() {
    let programs = [("chat", 25), ("come_back", 15), ("lines", 12)];
    for (example, max) in programs {
        assert!(own_lines(example) <= max, "{example} has {} lines of its own", own_lines(example));
    }
}

#[test]
fn a_line_comes_back_over_every_wire() {
    let Some(mut socat) = find_peer("socat") else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("lines");
    let (unix, path) = (format!("unix:{}", path.display()), path.display());
    let mut lines = Example::start("lines", &[LISTEN, &unix]);
    let address = lines.address();
    let mut over_tcp = support::connect(&address);
    over_tcp.write_all(b"hello\r\n").expect("it reads");
    let mut answer = [0; 7];
    over_tcp.read_exact(&mut answer).expect("it answers");
    assert_eq!(&answer, b"hello\r\n");
    assert_eq!(lines.address(), unix);
    socat.args(["-t20", "-", &format!("UNIX-CONNECT:{path}")]).stdin(Stdio::piped());
    let mut socat = socat.stdout(Stdio::piped()).spawn().expect("it runs");
    socat.stdin.take().expect("a pipe").write_all(b"hello\r\n").expect("it reads");
    assert_eq!(socat.wait_with_output().expect("it ends").stdout, b"hello\r\n");
}

#[test]
fn a_server_says_in_a_sentence_why_it_does_not_listen() {
    let used = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = used.local_addr().expect("its address").port();
    let used = format!("tcp:{port}:interface=127.0.0.1");
    let run = |arguments: &[&str]| {
        let output = Command::new(executable("lines")).args(arguments).output().expect("it runs");
        let error = String::from_utf8(output.stderr).expect("text");
        (output.status.code(), error)
    };
    let (code, error) = run(&[]);
    assert_eq!((code, &*error), (Some(64), "Name an endpoint to listen on, such as tcp:8080.\n"));
    let (code, error) = run(&[LISTEN, "tcp:80a"]);
    assert_eq!(code, Some(64), "{error}");
    assert!(error.contains("80a") && !error.contains("listening on"), "{error}");
    let (code, error) = run(&[LISTEN, &used]);
    assert_eq!(code, Some(69), "{error}");
    assert!(error.contains("in use"), "{error}");
}
