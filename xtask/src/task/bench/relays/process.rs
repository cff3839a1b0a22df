//! A relay that runs, with the processor time and the memory of all its processes.
//!
//! Invariant: it is ended, with all its children, when dropped.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

/// The ticks of `/proc/PID/stat` in a second (proc_pid_stat(5)): 100 on every Linux of today.
const TICKS: f64 = 100.0;

pub(super) struct Process(Child);

impl Process {
    pub(super) fn start(mut command: Command) -> std::io::Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self(command.process_group(0).spawn()?))
    }

    /// The seconds of processor time until now, of processes that live and of children that have ended.
    pub(super) fn cpu(&self) -> f64 {
        let ended: f64 = self.stat(&[15, 16]) / TICKS;
        ended + self.tree().iter().map(|id| running(*id)).sum::<f64>()
    }

    /// The bytes of memory, where a page that several processes share counts for each its part.
    pub(super) fn memory(&self) -> f64 {
        self.tree().iter().map(|id| proportional_bytes(*id)).sum()
    }

    /// Fields of the process's own `stat`, counted from 1 as the manual page does, as a sum.
    fn stat(&self, fields: &[usize]) -> f64 {
        let stat = stat(self.0.id());
        fields.iter().filter_map(|field| stat.get(field - 3)?.parse::<f64>().ok()).sum()
    }

    /// The process and its descendants.
    fn tree(&self) -> Vec<u32> {
        let entries = fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
        let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let parents: Vec<(u32, u32)> =
            ids.filter_map(|id| Some((id, stat(id).get(1)?.parse().ok()?))).collect();
        let mut tree = vec![self.0.id()];
        let mut next = 0;
        while let Some(parent) = tree.get(next).copied() {
            tree.extend(parents.iter().filter(|(_, its)| *its == parent).map(|(id, _)| *id));
            next += 1;
        }
        tree
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let group = format!("-{}", self.0.id());
        let _ = Command::new("kill").args(["-s", "KILL", "--", &group]).status();
        let _ = self.0.wait();
    }
}

/// The fields of `/proc/PID/stat` behind the name, so from the third on.
fn stat(id: u32) -> Vec<String> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let rest = text.rsplit_once(") ").map_or("", |(_, rest)| rest);
    rest.split_whitespace().map(str::to_owned).collect()
}

/// The seconds that the threads of a process were on a processor, which the scheduler counts in nanoseconds.
fn running(id: u32) -> f64 {
    let tasks =
        fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().filter_map(Result::ok);
    let times = tasks.filter_map(|task| {
        let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<f64>().ok()
    });
    times.sum::<f64>() / 1e9
}

fn proportional_bytes(id: u32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or_default() * 1024.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_and_memory_of_a_process_and_its_children_are_seen() {
        let mut command = Command::new("sh");
        command.args(["-c", "(while :; do :; done) & while :; do :; done"]);
        let process = Process::start(command).unwrap();
        while process.cpu() < 0.02 || process.tree().len() < 2 {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        assert!(process.memory() > 0.0);
    }
}
