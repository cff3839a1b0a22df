//! What the system knows about a process: its processor time and its memory (proc(5)).
//!
//! Invariant: both are read while the process has nothing to do, as the system counts a running
//! thread's time only when it stops.

use std::error::Error;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

/// How long a process must have done nothing to count as quiet.
const QUIET: Duration = Duration::from_millis(15);

/// A process that never gets quiet is broken.
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until the process does nothing, and answers its processor time so far, in nanoseconds.
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

/// Whether every thread of the process waits, and none wants to run and cannot.
fn all_wait(pid: u32) -> Result<bool, Box<dyn Error>> {
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = fs::read_to_string(thread?.path().join("stat"))?;
        // The name stands before it in parentheses, and may have anything in it.
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

/// The resident memory of the process that it shares with nobody, and its part of what it shares, in
/// bytes (`Pss`).
pub(crate) fn memory(pid: u32) -> Result<u64, Box<dyn Error>> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).ok_or("there is no Pss")?;
    let kilobytes = line.trim().trim_end_matches(" kB");
    Ok(kilobytes.parse::<u64>()? * 1024)
}
