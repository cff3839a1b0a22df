//! The list of trials.
//!
//! Invariant: every row of the table of goals is here, with the goal as it was set.

use super::figure::{Figure, Source};
use super::goal::Goal;
use super::trial::{Bare, How, Peer, Rounds, Served, Trial, Wire};

use Goal::{AtLeast, AtMost, Beside, Within};

const SERVERS: &[Peer] = &["ours", "tokio", "mio", "libuv", "epoll", "twisted"];
const TLS_SERVERS: &[Peer] = &["ours", "tokio"];
/// The last one has our order of cipher suites: the remaining difference is not due to the ciphers.
const TLS_PACE: &[Peer] = &["ours", "tokio", "tokio-aes128"];

/// A buffer for messages, and one for larger data.
const SMALL: usize = 4096;
const LARGE: usize = 64 * 1024;

/// All trials, in the order of the table.
pub(super) fn all() -> Vec<Trial> {
    let mut all = Vec::new();
    all.extend([(50, 64), (4000, 64), (50, 65_536), (4000, 65_536)].map(user_time));
    all.push(user_time_with_state());
    all.extend([50, 1000, 8000].map(echo));
    all.push(four_writes());
    all.extend([bulk_echo(), upload(), download()]);
    all.extend([accept("client"), accept("server")]);
    all.push(idle());
    all.extend([64, 4096].map(tls_echo));
    all.extend(tls_bulk());
    all.extend([handshake("full"), handshake("resumed")]);
    all.push(tls_idle());
    all.push(timers());
    all.push(deferred());
    all.extend([frames("lines", "lines"), frames("strings", "strings behind four bytes")]);
    all.extend([without_kernel("memory", "memory"), without_kernel("simulated", "the simulation")]);
    all.push(size());
    all.extend([1, 50].map(user_time_of_datagrams));
    all.push(datagram_echo());
    all.push(datagram_bulk());
    all
}

/// The servers that echo datagrams; the one in C makes one call for each on either way.
const DATAGRAM_SERVERS: &[Peer] = &["ours", "tokio", "epoll"];

fn user_time_of_datagrams(waiting: usize) -> Trial {
    let goals = if waiting > 1 { vec![AtMost(0.30, "tokio")] } else { Vec::new() };
    Trial {
        id: format!("user-time-udp-{waiting}"),
        title: format!("64 B echo over UDP, {waiting} at a time, the kernel taken away"),
        peers: DATAGRAM_SERVERS,
        how: How::Bare(Bare {
            connections: waiting,
            bytes: 64,
            buffer_bytes: LARGE,
            wire: Wire::Udp,
        }),
        figures: vec![Figure::new("user_time", "ns", Source::Reported).goals(goals)],
    }
}

fn datagram_echo() -> Trial {
    Trial {
        id: "udp-echo-64-50".into(),
        title: "64 B echo over UDP, 50 clients".into(),
        peers: DATAGRAM_SERVERS,
        how: served(
            "echo",
            Wire::Udp,
            LARGE,
            "datagrams --connections 50 --bytes 64",
            Rounds::Many,
        ),
        figures: vec![per_operation().goals([AtMost(1.0, "tokio")]), per_second()],
    }
}

/// "sendto" makes one call for each datagram on either side.
fn datagram_bulk() -> Trial {
    Trial {
        id: "udp-bulk".into(),
        title: "1,200 B datagrams from one port to another, those that came".into(),
        peers: &["ours", "sendto"],
        how: How::Micro("udp-bulk"),
        figures: vec![per_second().goals([AtLeast(5.0, "sendto")])],
    }
}

fn user_time((connections, bytes): (usize, usize)) -> Trial {
    let (buffer_bytes, goals) = match bytes {
        64 => (SMALL, vec![AtMost(0.20, "tokio"), AtMost(0.90, "libuv"), AtMost(3.0, "mio")]),
        _ => (LARGE, vec![AtMost(0.35, "tokio")]),
    };
    let size = if bytes == 64 { "64 B" } else { "64 KiB" };
    Trial {
        id: format!("user-time-{bytes}-{connections}"),
        title: format!("{size} echo over {connections} connections, the kernel taken away"),
        peers: SERVERS,
        how: How::Bare(Bare { connections, bytes, buffer_bytes, wire: Wire::Tcp }),
        figures: vec![Figure::new("user_time", "ns", Source::Reported).goals(goals)],
    }
}

/// State in a protocol costs a message nothing: with 2 KiB at most 1.1 times as much as without.
fn user_time_with_state() -> Trial {
    Trial {
        id: "user-time-2kib".into(),
        title: "64 B echo over 50 connections, beside protocols with 2 KiB of state, the kernel \
                taken away"
            .into(),
        peers: &["ours", "ours-2kib"],
        how: How::Bare(Bare { connections: 50, bytes: 64, buffer_bytes: SMALL, wire: Wire::Tcp }),
        figures: vec![
            Figure::new("user_time", "ns", Source::Reported)
                .goals([AtLeast(1.0 / 1.1, "ours-2kib")]),
        ],
    }
}

fn echo(connections: usize) -> Trial {
    let load = format!("echo --connections {connections} --bytes 64");
    let goals = [AtMost(1.0, "tokio"), AtMost(1.03, "mio")];
    Trial {
        id: format!("echo-64-{connections}"),
        title: format!("64 B echo over {connections} connections"),
        peers: SERVERS,
        how: served("echo", Wire::Tcp, SMALL, &load, Rounds::Many),
        figures: vec![per_operation().goals(goals), per_second()],
    }
}

/// Ours gathers the four writes; each of the others sends four times.
fn four_writes() -> Trial {
    let load = "echo --connections 50 --bytes 64";
    let rate = per_second().goals([AtLeast(3.0, "tokio"), AtLeast(3.0, "epoll")]);
    Trial {
        id: "four-writes".into(),
        title: "four writes for each 64 B message over 50 connections".into(),
        peers: SERVERS,
        how: served("four", Wire::Tcp, SMALL, load, Rounds::Many),
        figures: vec![per_operation(), rate],
    }
}

fn bulk_echo() -> Trial {
    Trial {
        id: "bulk-echo".into(),
        title: "bulk echo over 4 connections".into(),
        peers: SERVERS,
        how: served("echo", Wire::Tcp, LARGE, "echo --connections 4 --bytes 1048576", Rounds::Many),
        figures: vec![per_kibibyte().goals([AtMost(1.0, "tokio")]), per_second()],
    }
}

fn upload() -> Trial {
    Trial {
        id: "bulk-upload".into(),
        title: "bulk upload over 4 connections".into(),
        peers: SERVERS,
        how: served("sink", Wire::Tcp, LARGE, "upload --connections 4", Rounds::Many),
        figures: vec![per_kibibyte().goals([AtMost(1.0, "tokio")]), per_second()],
    }
}

fn download() -> Trial {
    let load = "download --connections 4 --bytes 4194304";
    Trial {
        id: "bulk-download".into(),
        title: "bulk download over 4 connections".into(),
        peers: SERVERS,
        how: served("source", Wire::Tcp, LARGE, load, Rounds::Many),
        figures: vec![per_kibibyte().goals([AtMost(0.90, "tokio")]), per_second()],
    }
}

fn accept(closes: &str) -> Trial {
    let (mode, option) =
        if closes == "server" { ("close", "--server-closes") } else { ("echo", "") };
    Trial {
        id: format!("accept-{closes}"),
        title: format!("accept, echo 64 B, the {closes} closes"),
        peers: SERVERS,
        how: served(
            mode,
            Wire::Tcp,
            SMALL,
            &format!("visit --connections 16 {option}"),
            Rounds::Many,
        ),
        figures: vec![per_operation().goals([AtMost(0.95, "tokio")]), per_second()],
    }
}

fn idle() -> Trial {
    let memory = |id| Figure::new(id, "B", Source::Reported).goals([Within(200.0)]);
    Trial {
        id: "idle".into(),
        title: "memory per idle connection, at 8,000".into(),
        peers: SERVERS,
        how: served("echo", Wire::Tcp, SMALL, "idle --connections 8000 --bytes 65536", Rounds::Few),
        figures: vec![memory("idle_bytes"), memory("carried_bytes")],
    }
}

fn tls_echo(bytes: usize) -> Trial {
    let load = format!("echo --connections 50 --bytes {bytes}");
    Trial {
        id: format!("tls-echo-{bytes}"),
        title: format!("TLS, {bytes} B echo over 50 connections"),
        peers: TLS_PACE,
        how: served("echo", Wire::Tls, SMALL, &load, Rounds::Many),
        figures: vec![per_operation().goals(beside_tokio(0.90)), per_second()],
    }
}

fn tls_bulk() -> [Trial; 2] {
    let trial = |direction: &str, mode, load| Trial {
        id: format!("tls-bulk-{direction}"),
        title: format!("TLS, bulk {direction} over 4 connections"),
        peers: TLS_PACE,
        how: served(mode, Wire::Tls, LARGE, load, Rounds::Many),
        figures: vec![per_kibibyte().goals(beside_tokio(0.65)), per_second()],
    };
    [
        trial("upload", "sink", "upload --connections 4"),
        trial("download", "source", "download --connections 4 --bytes 4194304"),
    ]
}

fn handshake(kind: &str) -> Trial {
    let option = if kind == "resumed" { "--resume" } else { "" };
    let load = format!("visit --connections 8 {option}");
    Trial {
        id: format!("tls-handshake-{kind}"),
        title: format!("TLS, {kind} handshake, echo 64 B, the client closes"),
        peers: TLS_PACE,
        how: served("echo", Wire::Tls, SMALL, &load, Rounds::Many),
        figures: vec![per_operation().goals(beside_tokio(0.92)), per_second()],
    }
}

/// The goal is relative to tokio with its default configuration.
fn beside_tokio(bound: f64) -> [Goal; 2] {
    [AtMost(bound, "tokio"), Beside("tokio-aes128")]
}

fn tls_idle() -> Trial {
    let memory = |id| Figure::new(id, "B", Source::Reported).goals([Within(4.5 * 1024.0)]);
    let load = "idle --connections 8000 --bytes 65536";
    Trial {
        id: "tls-idle".into(),
        title: "TLS, memory per idle connection, at 8,000".into(),
        peers: TLS_SERVERS,
        how: served("echo", Wire::Tls, SMALL, load, Rounds::Once),
        figures: vec![memory("idle_bytes"), memory("carried_bytes")],
    }
}

/// tokio has three ways to call a function later; each goal is relative to all that have the operation.
/// "tokio-queue" is its timer wheel with a boxed callback, like ours: both store the callback, return a
/// key, and return the callback when it is due. "tokio" does less, as a `Sleep` runs no code before it
/// is polled, and "tokio-task" more, as a task can do anything.
/// The peer is `LinesCodec`, or `LengthDelimitedCodec`.
fn frames(words: &'static str, kind: &str) -> Trial {
    Trial {
        id: words.into(),
        title: format!("{kind}, 64 B each, out of 64 KiB reads"),
        peers: &["ours", "tokio"],
        how: How::Micro(words),
        figures: vec![
            Figure::new("user_time", "ns", Source::Reported).goals([AtMost(0.5, "tokio")]),
        ],
    }
}

fn timers() -> Trial {
    let figure = |id| Figure::new(id, "ns", Source::Reported);
    let beside = |id, bound| {
        let peers = ["tokio", "tokio-queue", "tokio-task"];
        figure(id).goals(peers.map(|peer| AtMost(bound, peer)))
    };
    Trial {
        id: "timers".into(),
        title: "1,000,000 timers, each with a boxed callback".into(),
        peers: &["ours", "tokio", "tokio-queue", "tokio-task"],
        how: How::Micro("timers"),
        figures: vec![
            beside("first_insert", 0.2),
            beside("insert", 0.2),
            beside("cancel", 0.75),
            // A task cannot be delayed.
            figure("reset").goals([AtMost(0.35, "tokio"), AtMost(0.35, "tokio-queue")]),
            beside("fire", 1.1),
            Figure::new("bytes", "B", Source::Reported).goals([Within(96.0)]),
        ],
    }
}

fn deferred() -> Trial {
    let goals = [AtMost(0.4, "tokio"), AtMost(1.0 / 30.0, "twisted")];
    Trial {
        id: "deferred".into(),
        title: "a chain of 10 callbacks, per link; tokio: one hand-over through a oneshot".into(),
        peers: &["ours", "tokio", "twisted"],
        how: How::Deferred,
        figures: vec![Figure::new("link", "ns", Source::Reported).goals(goals)],
    }
}

fn without_kernel(words: &'static str, medium: &str) -> Trial {
    Trial {
        id: format!("echo-in-{words}"),
        title: format!("64 B echo in {medium} and over the kernel, by one thread"),
        peers: &["ours", "kernel"],
        how: How::Micro(words),
        figures: vec![per_second().goals([AtLeast(20.0, "kernel")])],
    }
}

/// "std" has no event loop: its size is part of the others'.
fn size() -> Trial {
    Trial {
        id: "size".into(),
        title: "size of a TCP echo program, built to be small".into(),
        peers: &["ours", "tokio", "std"],
        how: How::Weighed,
        figures: vec![Figure::new("size", "B", Source::Reported).goals([AtMost(0.6, "tokio")])],
    }
}

fn served(mode: &'static str, wire: Wire, buffer_bytes: usize, load: &str, rounds: Rounds) -> How {
    let load = load.split_whitespace().map(String::from).collect();
    How::Served(Served { mode, wire, buffer_bytes, load, rounds })
}

fn per_operation() -> Figure {
    Figure::new("server_cpu", "ns", Source::ServerPerOperation)
}

fn per_kibibyte() -> Figure {
    Figure::new("server_cpu", "ns/KiB", Source::ServerPerKibibyte)
}

fn per_second() -> Figure {
    Figure::new("rate", "/s", Source::PerSecond)
}
