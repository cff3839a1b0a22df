//! `--rate` and `--total-timeout`: how fast a connection may be, and how long.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use testkit::pattern;

use crate::bytes::{MIB, assert_same, exchange};
use crate::running::{Ended, Running, connect};

const ENDPOINT: &str = "tcp:0:interface=127.0.0.1";

/// A relay to an echo.
fn relay(options: &[&str]) -> (Running, Running, String) {
    let mut back_end = Running::ropewalk(&["serve", "echo", ENDPOINT]);
    let to = format!("tcp:{}", back_end.listening());
    let mut relay = Running::ropewalk(&[&["relay", ENDPOINT, &to], options].concat());
    let address = relay.listening();
    (back_end, relay, address)
}

#[test]
fn a_rate_holds_each_connection_for_itself_and_changes_no_byte() {
    let (_back_end, relay, address) = relay(&["--rate", "256K"]);
    let data = pattern(1, MIB);
    let begun = Instant::now();
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| assert_same(&exchange(connect(&address), data.clone()), &data));
        }
    });
    // The bytes of a burst and of the last read are not waited for.
    let seconds = begun.elapsed().as_secs_f64();
    assert!(seconds > 3.0, "a MiB takes four seconds each way, at the same time: {seconds}");
    assert_eq!(relay.terminate().code, Some(0));
}

#[test]
fn a_rate_holds_for_what_is_downloaded() {
    let mut server = Running::ropewalk(&["serve", "chargen", ENDPOINT, "--rate", "100K"]);
    let mut client = server.connect();
    let begun = Instant::now();
    client.read_exact(&mut vec![0; 300 * 1024]).unwrap();
    let seconds = begun.elapsed().as_secs_f64();
    assert!(seconds > 1.0, "{seconds}");
    drop(client);
    assert_eq!(server.terminate().code, Some(0));
}

#[test]
fn a_signal_lifts_the_rate_so_that_what_waits_is_not_cut() {
    let (_back_end, relay, address) = relay(&["--rate", "32K"]);
    let data = pattern(2, MIB);
    let mut client = connect(&address);
    client.write_all(&data[..1]).unwrap();
    client.read_exact(&mut [0]).unwrap();
    let mut writer = client.try_clone().unwrap();
    let sent = data.clone();
    let writing = thread::spawn(move || {
        writer.write_all(&sent).unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
    });
    // It is held back by now, for longer than the silence after which a drain closes a connection.
    let mut begin = vec![0; 32 * 1024];
    client.read_exact(&mut begin).unwrap();
    relay.signal("TERM");
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).unwrap();
    writing.join().unwrap();
    begin.extend(rest);
    assert_same(&begin, &data);
    assert_eq!(relay.wait().code, Some(0));
}

/// Writes and reads a byte, again and again, until the connection ends.
fn talk(mut client: TcpStream) -> Duration {
    let begun = Instant::now();
    while client.write_all(b"x").is_ok() && client.read(&mut [0]).is_ok_and(|count| count > 0) {
        thread::sleep(Duration::from_millis(20));
    }
    begun.elapsed()
}

#[test]
fn a_connection_that_is_never_silent_ends_when_its_whole_time_is_over() {
    let (_back_end, relayed, address) = relay(&["--total-timeout", "1s", "--log-connections"]);
    assert!(talk(connect(&address)) >= Duration::from_millis(900));
    let mut served = Running::ropewalk(&["serve", "echo", ENDPOINT, "--total", "1s"]);
    assert!(talk(served.connect()) >= Duration::from_millis(900));
    for ended in [relayed.terminate(), served.terminate()] {
        let Ended { errors, .. } = ended;
        let told = errors.lines().filter(|line| line.contains("whole connection timed out"));
        let warnings = told.filter(|line| line.starts_with("warning: ended the connection of "));
        assert_eq!(warnings.count(), 1, "{errors}");
        assert!(!errors.contains("error: "), "{errors}");
    }
}
