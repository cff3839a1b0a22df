//! The machine and the date, for the results.
//!
//! Invariant: a property that cannot be read is `unknown`.

use std::fs;
use std::process::Command;
use std::thread::available_parallelism;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

/// The core of the servers: the first one that this process may use.
pub(super) fn server_core() -> String {
    usable_cores().first().unwrap_or(&0).to_string()
}

/// The core of the load: another one than the servers', if there is one.
pub(super) fn load_core() -> String {
    usable_cores().get(1).map_or_else(server_core, usize::to_string)
}

/// The numbers of the cores that this process may use (proc(5), `Cpus_allowed_list`).
fn usable_cores() -> Vec<usize> {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let list = text.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    cores_of(list.unwrap_or_default().trim())
}

/// The numbers of a list such as `0-2,5`.
fn cores_of(list: &str) -> Vec<usize> {
    let mut cores = Vec::new();
    for range in list.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        if let (Ok(first), Ok(last)) = (first.parse::<usize>(), last.parse::<usize>()) {
            cores.extend(first..=last);
        }
    }
    cores
}

/// The machine, and the date of the run.
pub(super) fn describe() -> Value {
    json!({
        "date": today(),
        "processor": processor(),
        "cores": available_parallelism().map_or(1, usize::from),
        "system": said_by("uname", &["-sr"]),
        "compiler": said_by("rustc", &["--version"]),
    })
}

fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("model name"));
    name.map_or("unknown", |name| name.trim_start_matches([' ', '\t', ':'])).to_owned()
}

fn said_by(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map_or("unknown".into(), |it| String::from_utf8_lossy(&it.stdout).trim().to_owned())
}

/// The date in UTC, as year, month and day.
fn today() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |it| it.as_secs());
    let (year, month, day) = civil(seconds / 86_400);
    format!("{year}-{month:02}-{day:02}")
}

/// The year, month and day that lies `days` after 1970-01-01.
fn civil(days: u64) -> (u64, u64, u64) {
    let mut year = 1970;
    let mut left = days;
    let leap = |year: u64| {
        let is_leap =
            year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        u64::from(is_leap)
    };
    while left >= 365 + leap(year) {
        left -= 365 + leap(year);
        year += 1;
    }
    let lengths = [31, 28 + leap(year), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 1;
    for length in lengths {
        if left < length {
            break;
        }
        left -= length;
        month += 1;
    }
    (year, month, left + 1)
}

#[cfg(test)]
mod tests {
    use super::{civil, cores_of};

    #[test]
    fn a_list_of_cores_has_numbers_and_ranges() {
        assert_eq!(cores_of("0-2,5"), [0, 1, 2, 5]);
        assert_eq!(cores_of("3"), [3]);
        assert!(cores_of("").is_empty());
    }

    #[test]
    fn days_become_dates_over_leap_years() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(11_016), (2000, 2, 29));
        assert_eq!(civil(11_017), (2000, 3, 1));
        assert_eq!(civil(20_778), (2026, 11, 21));
    }
}
