//! `--workers`: one server on several threads, with limits, signals and a log for all of them.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use testkit::pattern;

use crate::bytes::{MIB, assert_same, exchange};
use crate::certificates::Certificate;
use crate::running::{Ended, LIMIT, ROPEWALK, Running, connect, eventually, ropewalk, run};

const ENDPOINT: &str = "tcp:0:interface=127.0.0.1";

fn serving(options: &[&str]) -> (Running, String) {
    let mut running = Running::ropewalk(&[&["serve", "echo", ENDPOINT][..], options].concat());
    let address = running.listening();
    (running, address)
}

/// A connection that was served.
fn served(address: &str) -> TcpStream {
    let mut stream = connect(address);
    stream.write_all(b"x").unwrap();
    stream.read_exact(&mut [0]).unwrap();
    stream
}

/// How many descriptors each loop of a process watches, by proc(5).
pub(crate) fn watched(id: u32) -> Vec<usize> {
    let descriptors = fs::read_dir(format!("/proc/{id}/fd")).unwrap();
    let polls = descriptors.map_while(Result::ok).filter(|entry| {
        fs::read_link(entry.path()).is_ok_and(|to| to.as_os_str() == "anon_inode:[eventpoll]")
    });
    let count = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().unwrap();
        let info = fs::read_to_string(format!("/proc/{id}/fdinfo/{name}")).unwrap();
        info.lines().filter(|line| line.starts_with("tfd:")).count()
    };
    let mut counts: Vec<usize> = polls.map(count).collect();
    counts.sort_unstable();
    counts
}

#[test]
fn each_kind_of_endpoint_is_announced_once_and_its_connections_are_shared() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let unix = format!("unix:{}", path.display());
    let arguments = ["serve", "echo", ENDPOINT, &unix, "--workers", "3"];
    let mut running = Running::ropewalk(&arguments);
    let address = running.listening();
    assert_eq!(running.listening(), unix);
    let before = watched(running.id());
    assert_eq!(before.len(), 3);
    let tcp: Vec<_> = (0..6).map(|_| served(&address)).collect();
    let unix: Vec<_> = (0..6)
        .map(|_| {
            let mut stream = UnixStream::connect(&path).unwrap();
            stream.set_read_timeout(Some(LIMIT)).unwrap();
            stream.write_all(b"x").unwrap();
            stream.read_exact(&mut [0]).unwrap();
            stream
        })
        .collect();
    let grown: Vec<_> =
        watched(running.id()).iter().zip(&before).map(|(after, before)| after - before).collect();
    assert_eq!(grown, [4, 4, 4]);
    drop((tcp, unix));
    let ended = running.terminate();
    assert_eq!(
        (ended.code, ended.errors.as_str(), ended.output.as_slice()),
        (Some(0), "", &b""[..])
    );
}

#[test]
fn under_the_cap_of_all_workers_clients_wait_and_none_is_refused() {
    let (running, address) = serving(&["--workers", "3", "--max-connections", "2"]);
    let open = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..20 {
                    let stream = served(&address);
                    assert!(open.fetch_add(1, Ordering::SeqCst) < 2);
                    open.fetch_sub(1, Ordering::SeqCst);
                    drop(stream);
                }
            });
        }
    });
    let ended = running.terminate();
    assert_eq!(ended.code, Some(0));
    assert!(ended.errors.contains("see --max-connections"), "{}", ended.errors);
    assert!(!ended.errors.contains("refused"), "{}", ended.errors);
}

#[test]
fn the_limit_on_connections_of_a_peer_is_for_all_workers_together() {
    let (running, address) = serving(&["--workers", "2", "--max-per-peer", "3"]);
    for _ in 0..3 {
        let mut streams = Vec::new();
        // Places come back as the server hears of the ends of connections.
        eventually("there is room", || {
            streams.clear();
            (0..3).all(|_| {
                let mut stream = connect(&address);
                let is_served =
                    stream.write_all(b"x").is_ok() && stream.read_exact(&mut [0]).is_ok();
                streams.push(stream);
                is_served
            })
        });
        let mut refused = connect(&address);
        let _ = refused.write_all(b"x");
        assert!(refused.read_exact(&mut [0]).is_err(), "one more than its limit");
    }
    let ended = running.terminate();
    assert_eq!(ended.code, Some(0));
    assert!(ended.errors.contains("--max-per-peer"), "{}", ended.errors);
}

#[test]
fn one_signal_stops_all_workers_when_their_connections_have_finished() {
    let (mut running, address) = serving(&["--workers", "2", "--grace", "10m"]);
    let streams: Vec<_> = (0..4).map(|_| served(&address)).collect();
    running.signal("TERM");
    eventually("the port is closed", || TcpStream::connect(&address).is_err());
    assert!(running.is_running());
    let data = pattern(41, MIB);
    // At once, as a connection that is silent for a while is over.
    let exchanging = streams.into_iter().map(|stream| {
        let data = data.clone();
        std::thread::spawn(move || exchange(stream, data))
    });
    for exchanged in exchanging.collect::<Vec<_>>() {
        assert_same(&exchanged.join().unwrap(), &data);
    }
    let Ended { code, errors, .. } = running.wait();
    assert_eq!((code, errors.as_str()), (Some(0), ""));
}

#[test]
fn the_end_of_the_grace_is_told_once_with_the_connections_of_all_workers() {
    let far = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = format!("tcp:{}", far.local_addr().unwrap());
    let arguments = ["relay", ENDPOINT, &to, "--workers", "2", "--grace", "300ms"];
    let mut relay = Running::ropewalk(&arguments);
    let address = relay.listening();
    let near: Vec<_> = (0..6).map(|_| connect(&address)).collect();
    let far: Vec<_> = (0..6).map(|_| far.accept().unwrap()).collect();
    relay.signal("TERM");
    let Ended { code, errors, .. } = relay.wait();
    let told = "warning: ended 6 connections that did not finish in 300ms, see --grace\n";
    assert_eq!((code, errors.as_str()), (Some(75), told));
    drop((near, far));
}

#[test]
fn a_second_signal_aborts_the_connections_of_all_workers() {
    let far = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = format!("tcp:{}", far.local_addr().unwrap());
    let mut relay =
        Running::ropewalk(&["relay", ENDPOINT, &to, "--workers", "2", "--grace", "10m"]);
    let address = relay.listening();
    let mut near: Vec<_> = (0..4).map(|_| connect(&address)).collect();
    let far: Vec<_> = (0..4).map(|_| far.accept().unwrap()).collect();
    relay.signal("TERM");
    eventually("the port is closed", || TcpStream::connect(&address).is_err());
    relay.signal("INT");
    for stream in &mut near {
        assert!(stream.read(&mut [0]).is_err(), "a reset, not a clean end");
    }
    assert_eq!(relay.wait().code, Some(0));
    drop(far);
}

#[test]
fn a_relay_that_leads_to_itself_says_so_once_and_all_workers_end() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let listen = format!("tcp:{port}:interface=127.0.0.1");
    let connect_to = format!("tcp:127.0.0.1:{port}");
    let mut relay = Running::ropewalk(&["relay", &listen, &connect_to, "--workers", "3"]);
    let _near = connect(&relay.listening());
    let Ended { code, errors, .. } = relay.wait();
    assert_eq!(code, Some(64));
    assert_eq!(errors.matches("leads to itself").count(), 1, "{errors}");
}

#[test]
fn what_is_wrong_is_told_once_and_no_worker_stays() {
    for (endpoint, exit) in [("tcp:99999", 64), ("unix:/no-such-directory/s", 69)] {
        let ended = ropewalk(&["serve", "echo", ENDPOINT, endpoint, "--workers", "4"]);
        assert_eq!(ended.code, Some(exit));
        assert_eq!(ended.errors.matches("error: ").count(), 1, "{}", ended.errors);
        assert!(ended.output.is_empty());
    }
    for number in ["1025", "-1", "two"] {
        let ended = ropewalk(&["serve", "echo", ENDPOINT, &format!("--workers={number}")]);
        assert_eq!(ended.code, Some(64), "{number}");
    }
}

#[test]
fn lines_that_peers_cause_are_limited_for_all_workers_together() {
    let (running, address) = serving(&["--workers", "2", "--max-per-peer", "1"]);
    let _only = served(&address);
    for _ in 0..60 {
        let mut refused = connect(&address);
        let _ = refused.read(&mut [0]);
    }
    let errors = running.terminate().errors;
    let refused = |line: &&str| line.starts_with("warning: refused");
    // Five at once, one more for each second without a flood; the rest are counts.
    let full = errors.lines().filter(refused).count();
    assert!((5..12).contains(&full), "{full} lines: {errors}");
    assert!(errors.contains(" more refused connections in the last second"), "{errors}");
}

#[test]
fn as_many_workers_as_cores_serve_too() {
    let (running, address) = serving(&["--workers", "0"]);
    let cores = std::thread::available_parallelism().unwrap().get();
    assert_eq!(watched(running.id()).len(), cores);
    drop(served(&address));
    assert_eq!(running.terminate().code, Some(0));
}

#[test]
fn a_signal_at_any_moment_of_the_start_ends_all_workers() {
    for round in 0..40_u64 {
        let running = Running::ropewalk(&["serve", "echo", ENDPOINT, "--workers", "3"]);
        std::thread::sleep(Duration::from_micros(round * 150));
        running.signal("TERM");
        // Before the signals are caught, or while files are read, it has its default effect.
        let Ended { code, errors, .. } = running.wait();
        assert!(matches!(code, Some(0) | None), "{code:?}: {errors}");
        assert_eq!(errors, "");
    }
}

#[test]
fn the_files_of_a_client_are_read_once_for_all_workers() {
    let certificate = Certificate::new();
    let mut server = Running::ropewalk(&["serve", "echo", &certificate.server()]);
    let to = format!(
        "{}:certificate={}:privateKey={}",
        certificate.client(&server.listening()),
        certificate.certificate().display(),
        certificate.key().display()
    );
    let mut relay = Running::ropewalk(&["relay", ENDPOINT, &to, "--workers", "3"]);
    let address = relay.listening();
    let first = served(&address);
    for file in [certificate.certificate(), certificate.key()] {
        fs::remove_file(file).unwrap();
    }
    let streams: Vec<_> = (0..8).map(|_| served(&address)).collect();
    drop((first, streams));
    assert_eq!(relay.terminate().errors, "");
}

#[test]
fn the_workers_of_a_server_over_tls_share_its_connections_and_its_files() {
    let certificate = Certificate::new();
    let options = ["serve", "echo", &certificate.server(), "--workers", "3"];
    let mut server = Running::ropewalk(&options);
    let address = server.listening();
    fs::remove_file(certificate.key()).unwrap();
    let before = watched(server.id());
    let mut putting_on =
        Running::ropewalk(&["relay", ENDPOINT, &certificate.client(&address), "--workers", "2"]);
    let plain = putting_on.listening();
    let mut streams: Vec<_> = (0..6).map(|_| served(&plain)).collect();
    let grown: Vec<_> =
        watched(server.id()).iter().zip(&before).map(|(after, before)| after - before).collect();
    assert_eq!(grown, [2, 2, 2]);
    let data = pattern(47, MIB);
    let exchanging = streams.drain(..).map(|stream| {
        let data = data.clone();
        std::thread::spawn(move || exchange(stream, data))
    });
    for exchanged in exchanging.collect::<Vec<_>>() {
        assert_same(&exchanged.join().unwrap(), &data);
    }
    let ended = [putting_on.terminate(), server.terminate()];
    assert!(ended.iter().all(|it| it.code == Some(0) && it.errors.is_empty()));
}

#[test]
fn pinned_workers_may_run_on_one_core_each() {
    let (running, address) = serving(&["--workers", "2", "--pin-workers"]);
    let _streams: Vec<_> = (0..4).map(|_| served(&address)).collect();
    let tasks = fs::read_dir(format!("/proc/{}/task", running.id())).unwrap().flatten();
    let is_worker = |name: &str| name.trim() == "ropewalk" || name.starts_with("reactor-");
    let mut workers = 0;
    for task in tasks {
        let Ok(name) = fs::read_to_string(task.path().join("comm")) else { continue };
        let status = fs::read_to_string(task.path().join("status")).unwrap();
        let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
        if is_worker(&name) {
            workers += 1;
            assert!(list.unwrap().trim().parse::<usize>().is_ok(), "one core: {list:?}");
        }
    }
    assert_eq!(workers, 2);
    assert_eq!(running.terminate().code, Some(0));
}

#[test]
fn with_the_fewest_descriptors_that_are_taken_each_client_is_served_in_its_turn() {
    // The refusal of less names the number.
    let command = |limit: &str| {
        let mut command = Command::new("sh");
        let script = r#"ulimit -n "$1"; exec "$0" serve echo "$2" --workers 4"#;
        command.args(["-c", script, ROPEWALK, limit, ENDPOINT]);
        command
    };
    let refused = run(command("16"), Vec::new()).errors;
    let needed = refused.split_once("at least ").and_then(|(_, rest)| rest.split_once(' '));
    let needed = needed.expect("it names the number").0;
    let mut server = Running::command(command(needed));
    let address = server.listening();
    for _ in 0..10 {
        drop(served(&address));
    }
    assert_eq!(server.terminate().code, Some(0));
}

#[test]
fn workers_share_a_port_of_a_kind_that_the_reactor_does_not_open_itself() {
    let mut server = Running::ropewalk(&["serve", "echo", "vsock:any:any", "--workers", "3"]);
    let Some(listening) = server.line_or_end() else {
        let ended = server.wait();
        assert!(ended.errors.contains("this kernel has no vsock"), "{}", ended.errors);
        return testkit::skip("this kernel has no vsock");
    };
    assert!(listening.starts_with("listening vsock:any:"), "{listening}");
    assert_eq!(watched(server.id()).len(), 3);
    assert_eq!(server.terminate().code, Some(0));
}
