//! The bench's load: one program for all servers, so that all have the same client.
//!
//! ```text
//! load pinned CPU PROGRAM ARGUMENT…          runs a program on one core
//! load certificate DIRECTORY                 writes certificate.pem and key.pem
//! load echo|upload|download OPTION…          N connections, each with one exchange at a time
//! load visit OPTION…                         connect, exchange, close, again and again
//! load idle OPTION…                          the server's memory per connection
//! load hold OPTION…                          N connections until the server ends
//! load datagrams OPTION…                     N sockets, each with one datagram at a time, echoed
//! ```
//!
//! A result is one line of JSON on standard output. Invariant: every received byte is compared with the
//! expected one, and the first wrong one ends the load with exit code 1.

mod arguments;
mod certificate;
mod content;
mod crowd;
mod datagrams;
mod exchange;
mod link;
mod process;
mod system;
mod tasks;
mod visits;

use std::error::Error;
use std::process::ExitCode;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args_os().skip(1);
    let task = words.next().ok_or("a task is missing")?;
    match task.to_str() {
        Some("pinned") => return Err(system::run_pinned(words)?.into()),
        Some("certificate") => return certificate::write(words),
        _ => {}
    }
    let options = arguments::parse(words)?;
    let result = match task.to_str() {
        Some("echo") => tasks::echo(&options)?,
        Some("upload") => tasks::upload(&options)?,
        Some("download") => tasks::download(&options)?,
        Some("visit") => visits::visit(&options)?,
        Some("idle") => tasks::idle(&options)?,
        Some("datagrams") => datagrams::echo(&options)?,
        Some("hold") => return tasks::hold(&options),
        _ => return Err(format!("there is no task {}", task.display()).into()),
    };
    println!("{result}");
    Ok(())
}
