//! The outgoing connections of a relay, by their results.
//!
//! Invariant: each label's value is one of a fixed list.

use std::error::Error;
use std::sync::atomic::AtomicU64;

use deferred::Failure;
use interfaces::{ConnectError, OsError};

use super::metrics::{add, labelled, read};

/// The results, as label values.
const RESULTS: [&str; 6] =
    ["connected", "refused", "unreachable", "timed_out", "not_permitted", "other"];

/// One counter for each result.
#[derive(Debug, Default)]
pub(super) struct Dials([AtomicU64; RESULTS.len()]);

impl Dials {
    /// One more, which was made or failed.
    pub(super) fn count(&self, failure: Option<&Failure>) {
        let result = failure.map_or("connected", |failure| result(failure.as_error()));
        let place = RESULTS.iter().position(|it| *it == result);
        place.and_then(|place| self.0.get(place)).into_iter().for_each(|it| add(it, 1));
    }

    pub(super) fn connected(&self) -> u64 {
        self.0.first().map_or(0, read)
    }

    pub(super) fn failed(&self) -> u64 {
        self.0.iter().skip(1).map(read).sum()
    }

    pub(super) fn write(&self, text: &mut String) {
        let help = "Outgoing connections of a relay.";
        let samples: Vec<_> = RESULTS.into_iter().zip(&self.0).collect();
        labelled(text, "ropewalk_dials_total", help, "result", &samples);
    }
}

/// The result of a failure: that of the last address which was tried, or of the first cause that has one.
fn result(error: &(dyn Error + 'static)) -> &'static str {
    let mut cause = Some(error);
    while let Some(error) = cause {
        match error.downcast_ref::<ConnectError>() {
            Some(ConnectError::TimedOut { .. }) => return "timed_out",
            Some(ConnectError::AllFailed { attempts, .. }) => {
                let last = attempts.last().map(|attempt| result(attempt.failure.as_error()));
                return last.unwrap_or("unreachable");
            }
            _ => {}
        }
        if let Some(error) = error.downcast_ref::<OsError>() {
            return of_number(error.raw_os_error());
        }
        cause = error.source();
    }
    "other"
}

fn of_number(number: i32) -> &'static str {
    match number {
        libc::ECONNREFUSED | libc::ENOENT | libc::ECONNRESET => "refused",
        libc::ENETUNREACH | libc::EHOSTUNREACH | libc::ENETDOWN | libc::EADDRNOTAVAIL => {
            "unreachable"
        }
        libc::ETIMEDOUT => "timed_out",
        libc::EACCES | libc::EPERM => "not_permitted",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use interfaces::{Address, FailedAddress, UnixAddress};
    use std::time::Duration;

    fn address() -> Address {
        UnixAddress::Unnamed.into()
    }

    fn refused(number: i32) -> Failure {
        let source = OsError::from_raw_os_error(number);
        Failure::new(ConnectError::Refused { address: address(), source })
    }

    #[test]
    fn each_failure_has_a_result_and_of_several_addresses_the_last_counts() {
        let timed_out =
            || Failure::new(ConnectError::TimedOut { address: address(), after: Duration::ZERO });
        let all = |failures: Vec<Failure>| {
            let attempts = failures.into_iter().map(|it| FailedAddress::new(address(), it));
            let (host, attempts) = ("a.example".into(), attempts.collect());
            Failure::new(ConnectError::AllFailed { host, attempts })
        };
        for (failure, expected) in [
            (refused(libc::ECONNREFUSED), "refused"),
            (refused(libc::EHOSTUNREACH), "unreachable"),
            (refused(libc::EACCES), "not_permitted"),
            (timed_out(), "timed_out"),
            (all(vec![timed_out(), refused(libc::ENOENT)]), "refused"),
            (all(vec![]), "unreachable"),
            (Failure::msg("anything"), "other"),
        ] {
            assert_eq!(result(failure.as_error()), expected, "{failure:#}");
        }
        let dials = Dials::default();
        dials.count(None);
        dials.count(Some(&timed_out()));
        let mut text = String::new();
        dials.write(&mut text);
        assert_eq!((dials.connected(), dials.failed()), (1, 1));
        for sample in ["{result=\"connected\"} 1\n", "{result=\"timed_out\"} 1\n"] {
            assert!(text.contains(sample), "{text}");
        }
    }
}
