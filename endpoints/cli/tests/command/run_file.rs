//! Several services from one file: what a file may say, what is wrong with it and where, and its changes while clients
//! are served.

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use testkit::pattern;

use crate::bytes::{MIB, assert_same, exchange};
use crate::running::{Ended, Running, connect, eventually, ropewalk};

/// A file, and the command that runs it.
struct Site {
    _directory: tempfile::TempDir,
    file: PathBuf,
}

impl Site {
    fn new(text: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("site.toml");
        fs::write(&file, text).unwrap();
        Self { _directory: directory, file }
    }

    fn write(&self, text: &str) {
        fs::write(&self.file, text).unwrap();
    }

    fn run(&self) -> Running {
        let mut command = std::process::Command::new("sh");
        // Its standard error comes line by line, too.
        command
            .args(["-c", r#"exec "$0" run "$1" 2>&1"#, crate::running::ROPEWALK])
            .arg(&self.file);
        Running::command(command)
    }

    fn ended(&self, options: &[&str]) -> Ended {
        let file = self.file.display().to_string();
        ropewalk(&[&["run"], options, &[&file]].concat())
    }
}

/// An address where nothing listens.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn endpoint(address: SocketAddr) -> String {
    format!("tcp:{}:interface={}", address.port(), address.ip())
}

/// Greets each client with this word, for as long as the test runs.
fn greeter(word: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || {
                let _ = client.write_all(word.as_bytes());
                // Until the client has ended.
                let _ = client.read(&mut [0]);
            });
        }
    });
    format!("tcp:{address}")
}

fn greeting(stream: &mut TcpStream) -> String {
    let mut word = [0; 3];
    stream.read_exact(&mut word).unwrap();
    String::from_utf8(word.to_vec()).unwrap()
}

fn is_echoed(stream: &mut TcpStream) -> bool {
    stream.write_all(b"x").is_ok() && stream.read_exact(&mut [0]).is_ok()
}

#[test]
fn the_services_of_a_file_run_in_one_process_with_the_options_of_the_command_line() {
    let path = tempfile::tempdir().unwrap();
    let socket = path.path().join("echo.sock");
    let site = Site::new(&format!(
        "# Two that know each other.\n[relay.web]\nlisten = [\"tcp:0:interface=127.0.0.1\"]\n\
         connect = 'unix:{socket}'\nidle-timeout = \"5m\"\nmax-per-peer = 9\nlog-connections = true\n\
         [serve.echo]\nprotocol = \"echo\"\nlisten = 'unix:{socket}'\nlog-connections = false\n",
        socket = socket.display()
    ));
    let checked = site.ended(&["--check"]);
    assert_eq!((checked.code, checked.errors.as_str()), (Some(0), ""));
    assert!(!socket.exists(), "nothing was opened");
    let mut running = site.run();
    let address = running.listening();
    assert_eq!(running.listening(), format!("unix:{}", socket.display()));
    assert_same(&exchange(connect(&address), pattern(1, MIB)), &pattern(1, MIB));
    let line = running.line();
    assert!(line.contains("127.0.0.1:"), "the relay alone tells the end of each: {line}");
    assert_eq!(running.terminate().code, Some(0));
    assert!(!socket.exists());
}

#[test]
fn every_mistake_is_told_with_its_line_and_column() {
    let relay = "[relay.a]\nlisten = \"tcp:0\"\nconnect = \"tcp:h:1\"\n";
    let cases: [(&str, &str, &str); 15] = [
        ("", ": there is no service", ""),
        ("[relay.a\n", ":1:9: ", "^"),
        ("[rely.a]\nx = 1\n", ":1:2: unknown table `rely`", "^^^^"),
        ("relay = 3\n", ":1:9: expected a table with a name", "^"),
        ("[relay]\nlisten = \"tcp:0\"\n", ":2:1: expected a table, as in [relay.web]", "^^^^^^"),
        ("[relay.a]\nlisten = \"tcp:0\"\n", ":1:8: `connect` is missing for relay.a", "^"),
        ("[serve.a]\nlisten = 'unix:/a'\n", ":1:8: `protocol` is missing for serve.a", "^"),
        (
            "[relay.a]\nlisten = \"tcp:80a\"\nconnect = \"tcp:h:1\"\n",
            ":2:15: port `80a` is not",
            "^^^",
        ),
        (
            "[relay.a]\nconnect = \"tcp:h:1\"\nlisten = [\"tcp:1\", \"tcp:80:interfaec=::1\"]\n",
            ":3:28: unknown option `interfaec` for a `tcp` server: a similar option exists: `interface`",
            "^^^^^^^^^",
        ),
        (&format!("{relay}idle-timeout = \"soon\"\n"), ":4:16: invalid value 'soon'", "^^^^^^"),
        (&format!("{relay}grace = -1\n"), ":4:9: ", "^^"),
        (&format!("{relay}idle = \"1m\"\n"), ":4:1: unknown key `idle`: expected one of ", "^^^^"),
        (&format!("{relay}log-connections = 1\n"), ":4:19: expected true or false", "^"),
        (&format!("{relay}workers = 2\n"), ":4:1: this is an option of the command", "^^^^^^^"),
        (
            &format!("{relay}[serve.b]\nprotocol = \"echo\"\nlisten = \"tcp:0\"\n"),
            ":6:11: serve.b listens on tcp:0, too",
            "^^^^^",
        ),
    ];
    for (text, message, carets) in cases {
        let site = Site::new(text);
        for options in [&[][..], &["--check"]] {
            let ended = site.ended(options);
            assert_eq!((ended.code, ended.output.len()), (Some(64), 0), "{text}");
            let start = format!("error: {}{message}", site.file.display());
            assert!(ended.errors.starts_with(&start), "{text}\n{}\n{start}", ended.errors);
            let last = ended.errors.lines().last().unwrap().trim();
            assert!(carets.is_empty() || last == carets, "{text}\n{}", ended.errors);
        }
    }
    let missing = ropewalk(&["run", "/no/such/file"]);
    assert_eq!(missing.code, Some(64));
    assert!(missing.errors.contains("cannot read /no/such/file"), "{}", missing.errors);
}

#[test]
fn all_mistakes_of_a_file_are_told_at_once() {
    let site = Site::new("[relay.a]\nlisten = \"tpc:1\"\nconnect = \"tcp:h\"\nretr = 1\n");
    let errors = site.ended(&[]).errors;
    let places = [":2:11: ", ":3:17: ", ":4:1: "].map(|place| errors.find(place));
    assert!(places.is_sorted() && places[0].is_some(), "in the order of the file: {errors}");
}

#[test]
fn a_reload_starts_changes_keeps_and_drains_each_service_by_itself() {
    let addresses = [free(), free(), free(), free()];
    let [kept, changed, gone, new] = addresses.map(endpoint);
    let (one, two) = (greeter("one"), greeter("two"));
    let echo = |name: &str, listen: &str| {
        format!("[serve.{name}]\nprotocol = \"echo\"\nlisten = \"{listen}\"\n")
    };
    let relay = |to: &str| format!("[relay.changed]\nlisten = \"{changed}\"\nconnect = \"{to}\"\n");
    let site = Site::new(&(echo("kept", &kept) + &relay(&one) + &echo("gone", &gone)));
    let mut running = site.run();
    (0..3).for_each(|_| drop(running.listening()));
    let [mut at_kept, mut at_changed, mut at_gone] =
        [0, 1, 2].map(|index: usize| connect(&addresses[index].to_string()));
    assert!(is_echoed(&mut at_kept) && is_echoed(&mut at_gone));
    assert_eq!(greeting(&mut at_changed), "one");

    site.write(&(echo("kept", &kept) + &relay(&two) + &echo("new", &new)));
    running.signal("HUP");
    let line = running.line();
    assert!(line.ends_with("again: 2 started, 2 ended, 1 as before"), "{line}");
    // The old ones are served on, and the new ones by the new service.
    assert!(is_echoed(&mut at_kept));
    assert_eq!(greeting(&mut connect(&addresses[1].to_string())), "two");
    assert!(is_echoed(&mut connect(&addresses[3].to_string())));
    assert!(
        TcpStream::connect(addresses[2]).is_err_and(|it| it.kind() == ErrorKind::ConnectionRefused)
    );
    drop(at_changed);
    let ended = running.terminate();
    assert_eq!(ended.code, Some(0), "{}", ended.errors);
}

#[test]
fn a_file_that_is_wrong_changes_nothing() {
    let (address, other) = (free(), TcpListener::bind("127.0.0.1:0").unwrap());
    let echo = format!("[serve.echo]\nprotocol = \"echo\"\nlisten = \"{}\"\n", endpoint(address));
    let site = Site::new(&echo);
    let mut running = site.run();
    running.listening();
    let mut held = connect(&address.to_string());
    let taken = endpoint(other.local_addr().unwrap());
    let wrong = [
        ("[serve.echo]\nprotocol = 1\n".into(), 2),
        (
            format!(
                "{echo}[serve.two]\nprotocol = \"echo\"\nlisten = [\"{}\", \"{taken}\"]\n",
                endpoint(free())
            ),
            0,
        ),
    ];
    for (text, _) in wrong {
        site.write(&text);
        running.signal("HUP");
        let mut last = running.line();
        assert!(last.starts_with("error: "), "{last}");
        while !last.starts_with("warning: the file was not applied") {
            last = running.line();
        }
        assert!(is_echoed(&mut held) && is_echoed(&mut connect(&address.to_string())));
    }
    site.write(&echo);
    running.signal("HUP");
    assert!(running.line().ends_with("again: 0 started, 0 ended, 1 as before"));
    drop(held);
    assert_eq!(running.terminate().code, Some(0));
}

#[test]
fn no_client_is_refused_or_cut_while_a_file_is_read_again_and_again() {
    let address = free();
    let echo = |limit: usize| {
        let listen = endpoint(address);
        let text = "[serve.echo]\nprotocol = \"echo\"\ngrace = \"50s\"\n";
        format!("{text}listen = \"{listen}\"\nmax-connections = {limit}\n")
    };
    let site = Site::new(&echo(100));
    let mut running = site.run();
    running.listening();
    let (is_over, served) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let clients = [(); 4].map(|()| {
        let (is_over, served) = (is_over.clone(), served.clone());
        thread::spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                let data = pattern(7, 10_000);
                let received = exchange(connect(&address.to_string()), data.clone());
                assert_same(&received, &data);
                served.fetch_add(1, Ordering::Relaxed);
            }
        })
    });
    for reload in 0..20 {
        let before = served.load(Ordering::Relaxed);
        site.write(&echo(101 + reload));
        running.signal("HUP");
        let line = running.line();
        assert!(line.ends_with("again: 1 started, 1 ended, 0 as before"), "{line}");
        eventually("clients are served", || served.load(Ordering::Relaxed) > before + 4);
    }
    is_over.store(true, Ordering::Relaxed);
    clients.into_iter().for_each(|client| client.join().unwrap());
    let ended = running.terminate();
    assert_eq!((ended.code, ended.output.len()), (Some(0), 0), "{ended:?}");
}

#[test]
fn the_grace_is_each_services_own_and_a_cut_is_told_by_the_exit_code() {
    let [slow, quick] = [free(), free()];
    let text = |name: &str, address, grace: &str| {
        let listen = endpoint(address);
        format!(
            "[serve.{name}]\nprotocol = \"chargen\"\nlisten = \"{listen}\"\ngrace = \"{grace}\"\n"
        )
    };
    let site = Site::new(&(text("quick", quick, "0") + &text("slow", slow, "50s")));
    let mut running = site.run();
    (0..2).for_each(|_| drop(running.listening()));
    let mut held = [quick, slow].map(|address| connect(&address.to_string()));
    held.iter_mut().for_each(|stream| stream.read_exact(&mut [0]).unwrap());
    running.signal("TERM");
    let line = running.line();
    assert!(line.contains("1 connection") && line.ends_with("(serve.quick)"), "{line}");
    assert!(running.is_running(), "the other one has its time");
    let [quick, slow] = held;
    drop((quick, slow));
    assert_eq!(running.wait().code, Some(75));
}

#[test]
fn the_second_signal_ends_what_drains_also_what_is_gone_from_the_file() {
    let [gone, stays] = [free(), free()];
    let text = |name: &str, address| {
        format!("[serve.{name}]\nprotocol = \"chargen\"\nlisten = \"{}\"\n", endpoint(address))
    };
    let site = Site::new(&(text("gone", gone) + &text("stays", stays)));
    let mut running = site.run();
    (0..2).for_each(|_| drop(running.listening()));
    let mut held = [gone, stays].map(|address| connect(&address.to_string()));
    held.iter_mut().for_each(|stream| stream.read_exact(&mut [0]).unwrap());
    site.write(&text("stays", stays));
    running.signal("HUP");
    assert!(running.line().ends_with("0 started, 1 ended, 1 as before"));
    running.signal("TERM");
    eventually("the port is closed", || TcpStream::connect(stays).is_err());
    assert!(running.is_running());
    running.signal("TERM");
    assert_eq!(running.wait().code, Some(0));
}

#[test]
fn a_relay_to_itself_ends_the_command() {
    let address = free();
    let listen = endpoint(address);
    let site =
        Site::new(&format!("[relay.loop]\nlisten = \"{listen}\"\nconnect = \"tcp:{address}\"\n"));
    let mut running = site.run();
    running.listening();
    let client = connect(&address.to_string());
    let line = running.line();
    assert!(line.contains("relay.loop leads to itself"), "{line}");
    assert_eq!(running.wait().code, Some(64));
    drop(client);
}

#[test]
fn the_help_has_a_file_that_is_right() {
    let help = String::from_utf8(ropewalk(&["run", "--help"]).output).unwrap();
    let lines = help.lines().skip_while(|line| !line.starts_with("  [relay"));
    let file: String =
        lines.take_while(|line| !line.starts_with("Keys")).map(|it| format!("{it}\n")).collect();
    assert!(file.contains("[serve.echo]"), "{help}");
    let checked = Site::new(&file).ended(&["--check"]);
    assert_eq!((checked.code, checked.errors.as_str()), (Some(0), ""));
}
