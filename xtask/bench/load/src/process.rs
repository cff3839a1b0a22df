//! The processor time and the memory of a process (proc(5)).
//!
//! Invariant: both are read while the process is idle, as the system adds a running thread's time only
//! when it stops.

use std::error::Error;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

/// The idle time after which a process counts as quiet.
const QUIET: Duration = Duration::from_millis(15);

/// The longest wait for a process to become quiet.
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until the process is quiet, and returns its processor time so far, in nanoseconds.
pub(crate) fn quiet_time(pid: u32) -> Result<u64, Box<dyn Error>> {
    let until = Instant::now() + PATIENCE;
    let mut before = time(pid)?;
    loop {
        thread::sleep(QUIET);
        let now = time(pid)?;
        if now == before && all_wait(pid)? {
            return Ok(now);
        }
        if Instant::now() > until {
            return Err("the server is never quiet".into());
        }
        before = now;
    }
}

/// Whether every thread of the process sleeps.
fn all_wait(pid: u32) -> Result<bool, Box<dyn Error>> {
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = fs::read_to_string(thread?.path().join("stat"))?;
        // The name before it is in parentheses, and may contain any character.
        let state = text.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
        if state != Some('S') {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The processor time of all threads of the process, in nanoseconds.
pub(crate) fn time(pid: u32) -> Result<u64, Box<dyn Error>> {
    let mut sum = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = fs::read_to_string(thread?.path().join("schedstat"))?;
        let first = text.split_whitespace().next().ok_or("schedstat is empty")?;
        sum += first.parse::<u64>()?;
    }
    Ok(sum)
}

/// The proportional set size of the process, in bytes (`Pss`): its private memory, and its part of the
/// shared memory.
pub(crate) fn memory(pid: u32) -> Result<u64, Box<dyn Error>> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).ok_or("there is no Pss")?;
    let kilobytes = line.trim().trim_end_matches(" kB");
    Ok(kilobytes.parse::<u64>()? * 1024)
}
