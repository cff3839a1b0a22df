//! One measurement of one server.
//!
//! Invariant: every measurement starts a new process, so that none inherits another's state.

use std::error::Error;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::arguments::Effort;
use super::machine::load_core;
use super::programs::Programs;
use super::server::Server;
use super::trial::{Bare, Served, Wire};

/// One run of a server under its load.
pub(super) fn under_load(
    served: &Served,
    words: &[PathBuf],
    programs: &Programs,
    effort: Effort,
) -> Result<Value, Box<dyn Error>> {
    let mut arguments = arguments(served.mode, served.buffer_bytes);
    let mut load = load(programs);
    load.args(&served.load);
    if served.wire == Wire::Tls {
        arguments.extend(["--tls".to_owned(), programs.certificate.display().to_string()]);
        load.arg("--tls").arg(&programs.certificate);
    }
    if served.wire == Wire::Udp {
        arguments.push("--datagrams".to_owned());
    }
    let server = Server::start(programs, words, &arguments, &[])?;
    let time = if effort == Effort::Full { "400" } else { "150" };
    load.args(["--warm-up", "100", "--time", time]);
    load.args(["--port", &server.port.to_string(), "--pid", &server.pid().to_string()]);
    report(&mut load)
}

/// One run of a server with established connections, whose system calls the shim answers.
pub(super) fn without_kernel(
    bare: &Bare,
    words: &[PathBuf],
    programs: &Programs,
    effort: Effort,
) -> Result<Value, Box<dyn Error>> {
    let shim = programs.shim()?;
    let windows = if effort == Effort::Full { "9" } else { "3" };
    let (connections, bytes) = (bare.connections.to_string(), bare.bytes.to_string());
    let mut environment = vec![
        ("LD_PRELOAD", shim.as_os_str()),
        ("BENCH_CONNECTIONS", connections.as_ref()),
        ("BENCH_BYTES", bytes.as_ref()),
        ("BENCH_WINDOW", "30".as_ref()),
        ("BENCH_WINDOWS", windows.as_ref()),
    ];
    let mut arguments = arguments("echo", bare.buffer_bytes);
    if bare.wire == Wire::Udp {
        environment.push(("BENCH_DATAGRAMS", "1".as_ref()));
        arguments.push("--datagrams".to_owned());
    }
    let mut server = Server::start(programs, words, &arguments, &environment)?;
    let held = match bare.wire {
        // Datagrams need no connection.
        Wire::Udp => None,
        Wire::Tcp | Wire::Tls => {
            let mut load = load(programs);
            load.args(["hold", "--connections", &connections, "--port", &server.port.to_string()]);
            Some(load.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?)
        }
    };
    let line = server.line();
    drop(server);
    if let Some(mut load) = held {
        // The load ends with the server's connections.
        load.wait()?;
    }
    let line = line?;
    if line.is_empty() {
        return Err("the server ended without a report".into());
    }
    Ok(serde_json::from_str(&line)?)
}

fn arguments(mode: &str, buffer_bytes: usize) -> Vec<String> {
    vec![mode.to_owned(), "--buffer".to_owned(), buffer_bytes.to_string()]
}

/// The load, on its core.
fn load(programs: &Programs) -> Command {
    let mut command = Command::new(programs.load());
    command.args(["pinned", &load_core()]).arg(programs.load());
    command
}

/// Runs a program that reports one line of JSON.
pub(super) fn report(command: &mut Command) -> Result<Value, Box<dyn Error>> {
    let output = command.output()?;
    if !output.status.success() {
        let messages = String::from_utf8_lossy(&output.stderr);
        return Err(messages.lines().last().unwrap_or("it failed in silence").into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
