//! Measurements within one process: timers, and transports without a kernel.
//!
//! ```text
//! bench-micro timers ours|tokio|tokio-queue|tokio-task
//! bench-micro memory ours|kernel       echo in memory, and over the kernel by one thread
//! bench-micro simulated ours|kernel    echo in the simulated network, and the same
//! bench-micro lines|strings ours|tokio  frames of 64 bytes out of reads of 64 KiB
//! bench-micro udp-bulk ours|sendto     datagrams from one port to another
//! ```
//!
//! A result is one line of JSON. Invariant: ours is reached by the public API.

mod datagram_bulk;
mod echo;
mod frames;
mod numbers;
mod timers_ours;
mod timers_queue;
mod timers_tasks;
mod timers_tokio;

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let result = match words[..] {
        ["timers", "ours"] => timers_ours::measure()?,
        ["timers", "tokio-queue"] => timers_queue::measure()?,
        ["timers", "tokio-task"] => timers_tasks::measure()?,
        ["timers", "tokio"] => timers_tokio::measure()?,
        ["lines", "ours"] => frames::lines_ours()?,
        ["lines", "tokio"] => frames::lines_tokio()?,
        ["strings", "ours"] => frames::strings_ours()?,
        ["strings", "tokio"] => frames::strings_tokio()?,
        ["memory", "ours"] => echo::in_memory()?,
        ["simulated", "ours"] => echo::simulated()?,
        ["udp-bulk", "ours"] => datagram_bulk::ours()?,
        ["udp-bulk", "sendto"] => datagram_bulk::one_by_one()?,
        ["memory" | "simulated", "kernel"] => echo::over_the_kernel()?,
        _ => return Err(format!("there is no such measurement: {words:?}").into()),
    };
    println!("{result}");
    Ok(())
}
