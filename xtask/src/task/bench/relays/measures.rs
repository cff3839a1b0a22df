//! The measures of one relay.
//!
//! Invariant: a measure that involves TLS has the same other end for all relays: this project's own.

use std::error::Error;
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use super::super::spread::Spread;
use super::contestant::{Contestant, Files, RelayWire};
use super::ends::{self, BackEnd};
use super::process::Process;

/// One line of the table.
pub(super) struct RelayFigure {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) unit: &'static str,
    /// The greatest ratio to each other relay, where less is better.
    pub(super) most: Option<f64>,
}

const fn figure(
    id: &'static str,
    title: &'static str,
    unit: &'static str,
    most: Option<f64>,
) -> RelayFigure {
    RelayFigure { id, title, unit, most }
}

pub(super) const FIGURES: [RelayFigure; 8] = [
    figure("plain", "processor time a MiB, no TLS", "µs", Some(0.8)),
    figure("tls-on", "processor time a MiB, TLS put on", "µs", Some(0.8)),
    figure("tls-off", "processor time a MiB, TLS taken off", "µs", Some(0.8)),
    figure("request-cpu", "processor time of a request and answer of 64 B", "µs", Some(0.8)),
    figure("request-time", "time that it adds to a request and answer of 64 B", "µs", Some(1.0)),
    figure("connection-cpu", "processor time of a connection", "µs", Some(0.8)),
    figure("connections", "connections a second, of two clients", "/s", None),
    figure("idle", "memory of an idle relayed connection, at 1,000", "KiB", Some(1.0)),
];

/// A value of a figure.
pub(super) struct Measured {
    pub(super) figure: &'static str,
    pub(super) value: f64,
}

/// How much is measured.
pub(super) struct Amounts {
    pub(super) rounds: usize,
    mebibytes: usize,
    requests: usize,
    visits: Duration,
    idle: usize,
}

impl Amounts {
    pub(super) const fn full() -> Self {
        Self {
            rounds: 5,
            mebibytes: 512,
            requests: 10_000,
            visits: Duration::from_secs(2),
            idle: 1000,
        }
    }

    pub(super) const fn quick() -> Self {
        Self {
            rounds: 1,
            mebibytes: 64,
            requests: 1000,
            visits: Duration::from_millis(300),
            idle: 1000,
        }
    }
}

/// All that is measured of a relay on this kind of wire; `None` where it has none.
pub(super) fn of(
    relay: &Contestant,
    files: &Files,
    wire: RelayWire,
    amounts: &Amounts,
) -> Result<Option<Vec<Measured>>, Box<dyn Error>> {
    let server = BackEnd::start()?;
    let (port, other) = (free_port()?, free_port()?);
    // With TLS a second relay, which is not measured, has the other end of it.
    let (listen, connect, helper) = match wire {
        RelayWire::Plain => (port, server.port, None),
        RelayWire::TlsOn => (port, other, Some(files.ours(RelayWire::TlsOff, other, server.port))),
        RelayWire::TlsOff => (other, server.port, Some(files.ours(RelayWire::TlsOn, port, other))),
    };
    let Some(command) = (relay.start)(files, wire, listen, connect)? else { return Ok(None) };
    let _helper = helper.map(Process::start).transpose()?;
    let process = Process::start(command)?;
    ends::wait_for(port)?;
    let id = match wire {
        RelayWire::Plain => "plain",
        RelayWire::TlsOn => "tls-on",
        RelayWire::TlsOff => "tls-off",
    };
    let mut measured = vec![bulk(id, &process, port, amounts.mebibytes)?];
    if wire == RelayWire::Plain {
        measured.extend(small(&process, port, server.port, amounts)?);
        let all = connections(&process, port, amounts)?;
        // socat does not wait for its children, whose time is lost with them.
        let is_known = |it: &Measured| relay.name != "socat" || it.figure != "connection-cpu";
        measured.extend(all.into_iter().filter(is_known));
        measured.push(idle(&process, port, amounts.idle)?);
    }
    Ok(Some(measured))
}

/// A port of 127.0.0.1 that was free just now.
fn free_port() -> Result<u16, Box<dyn Error>> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// The microseconds of processor time that the relay takes for this.
fn costs<T>(
    process: &Process,
    work: impl FnOnce() -> std::io::Result<T>,
) -> Result<(f64, T), Box<dyn Error>> {
    settle();
    let before = process.cpu();
    let done = work()?;
    settle();
    Ok(((process.cpu() - before) * 1e6, done))
}

/// Lets the relay end what it still does.
fn settle() {
    thread::sleep(Duration::from_millis(100));
}

fn bulk(
    id: &'static str,
    process: &Process,
    port: u16,
    mebibytes: usize,
) -> Result<Measured, Box<dyn Error>> {
    ends::send(port, 4 << 20)?;
    let (cpu, _open) = costs(process, || ends::send(port, mebibytes << 20))?;
    Ok(Measured { figure: id, value: cpu / mebibytes as f64 })
}

fn small(
    process: &Process,
    port: u16,
    server: u16,
    amounts: &Amounts,
) -> Result<Vec<Measured>, Box<dyn Error>> {
    let median = |times: &[f64]| Spread::of(times).map_or(0.0, |spread| spread.median * 1e6);
    let direct = median(&ends::requests(server, amounts.requests)?.0);
    let (cpu, (times, _open)) = costs(process, || ends::requests(port, amounts.requests))?;
    let added = median(&times) - direct;
    Ok(vec![
        Measured { figure: "request-cpu", value: cpu / amounts.requests as f64 },
        Measured { figure: "request-time", value: added },
    ])
}

fn connections(
    process: &Process,
    port: u16,
    amounts: &Amounts,
) -> Result<Vec<Measured>, Box<dyn Error>> {
    let (cpu, number) = costs(process, || ends::visits(port, amounts.visits))?;
    let number = number as f64;
    Ok(vec![
        Measured { figure: "connection-cpu", value: cpu / number },
        Measured { figure: "connections", value: number / amounts.visits.as_secs_f64() },
    ])
}

fn idle(process: &Process, port: u16, number: usize) -> Result<Measured, Box<dyn Error>> {
    settle();
    let before = process.memory();
    let connections = ends::idle(port, number)?;
    settle();
    let grown = process.memory() - before;
    drop(connections);
    Ok(Measured { figure: "idle", value: grown / 1024.0 / number as f64 })
}
