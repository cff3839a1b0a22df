//! HAProxy asks two servers by its agent check which of them leaves: a restart of both, one after the other, while
//! clients come all the time, refuses and cuts none.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use testkit::find_peer;

use crate::proxied::Daemon;
use crate::running::{LIMIT, Running, connect, eventually};

/// A server on the addresses that it has had before, and those.
fn server(listen: &str, status: &str) -> (Running, String, String) {
    let at = |address: &str| {
        let port = address.rsplit_once(':').map_or(address, |(_, port)| port);
        format!("tcp:{port}:interface=127.0.0.1")
    };
    let (listen, status) = (at(listen), at(status));
    let arguments = ["serve", "echo", &listen, "--status", &status, "--drain-delay", "4s"];
    let mut running = Running::ropewalk(&arguments);
    let address = running.listening();
    let line = running.line();
    (running, address, line.strip_prefix("status ").unwrap().to_owned())
}

/// One exchange, which takes a moment.
fn exchange(address: &str) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(LIMIT))?;
    let mut echoed = Vec::new();
    for piece in [b"one ", b"two "] {
        stream.write_all(piece)?;
        thread::sleep(Duration::from_millis(20));
    }
    stream.shutdown(Shutdown::Write)?;
    stream.read_to_end(&mut echoed)?;
    Ok(echoed == b"one two ")
}

/// How many exchanges there were on several threads, and what failed.
struct Clients {
    stops: Arc<AtomicBool>,
    number: Arc<AtomicUsize>,
    threads: Vec<thread::JoinHandle<Vec<String>>>,
}

impl Clients {
    fn new(address: &str) -> Self {
        let (stops, number) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let client = |_| {
            let (stops, number, address) = (stops.clone(), number.clone(), address.to_owned());
            thread::spawn(move || {
                let mut failed = Vec::new();
                while !stops.load(Ordering::Relaxed) {
                    match exchange(&address) {
                        Ok(true) => drop(number.fetch_add(1, Ordering::Relaxed)),
                        other => failed.push(format!("{other:?}")),
                    }
                }
                failed
            })
        };
        let threads = (0..4).map(client).collect();
        Self { stops, number, threads }
    }

    fn served(&self) -> usize {
        self.number.load(Ordering::Relaxed)
    }

    fn failed(self) -> Vec<String> {
        self.stops.store(true, Ordering::Relaxed);
        self.threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    }
}

#[test]
fn a_rolling_restart_behind_an_agent_check_loses_no_client() {
    if find_peer("haproxy").is_none() {
        return;
    }
    let servers = [server("0", "0"), server("0", "0")];
    let haproxy = Daemon::haproxy(|_| {
        let check = "check inter 200ms agent-check agent-inter 200ms agent-send \"GET /agent\\n\"";
        let lines = servers.iter().enumerate().map(|(number, (_, address, status))| {
            let (_, port) = status.rsplit_once(':').unwrap();
            format!(" server s{number} {address} {check} agent-port {port}\n")
        });
        format!("listen front\n bind fd@3\n balance roundrobin\n{}", lines.collect::<String>())
    });
    eventually("HAProxy serves", || exchange(&haproxy.address).is_ok_and(|it| it));
    let clients = Clients::new(&haproxy.address);
    let begun = Instant::now();
    let mut restarted = Vec::new();
    for (running, address, status) in servers {
        let ended = running.terminate();
        assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""));
        restarted.push(server(&address, &status));
        // The other one leaves when this one is in use again.
        eventually("it is used again", || served_by(&status) > 20);
    }
    assert!(begun.elapsed() >= Duration::from_secs(8));
    let served = clients.served();
    assert_eq!(clients.failed(), Vec::<String>::new(), "after {served} exchanges");
    assert!(served > 50, "{served}");
}

/// The connections that a server has accepted.
fn served_by(status: &str) -> u64 {
    let mut stream = connect(status);
    stream.write_all(b"GET /metrics\n").unwrap();
    let mut metrics = String::new();
    stream.read_to_string(&mut metrics).unwrap();
    let line =
        metrics.lines().find_map(|line| line.strip_prefix("ropewalk_connections_opened_total "));
    line.unwrap().parse().unwrap()
}
