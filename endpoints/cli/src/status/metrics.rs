//! The numbers of one command, counted by all workers, as Prometheus's text format 0.0.4 has them.
//!
//! Invariant: each label's value is one of a fixed list; none comes from a peer.

use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use deferred::Failure;
use interfaces::Reason;

use super::dials::Dials;

/// How connections and handshakes end, as label values.
const ENDINGS: [&str; 11] = [
    "done",
    "lost",
    "aborted",
    "stopped",
    "timed_out",
    "tls",
    "truncated",
    "buffer",
    "reactor_buffer",
    "panicked",
    "other",
];

/// The limits that may be reached, as label values: `--max-per-peer` and `--max-connections`.
pub(crate) const LIMITS: [&str; 2] = ["per_peer", "connections"];

/// The upper bounds of the handshakes' times, in milliseconds.
const BOUNDS_MS: [u64; 10] = [5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000];

/// Counters from the start of the command on.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    closed: Endings,
    failed_handshakes: Endings,
    handshakes: Times,
    received_bytes: AtomicU64,
    sent_bytes: AtomicU64,
    dials: Dials,
    limits: [AtomicU64; LIMITS.len()],
    failed_accepts: AtomicU64,
}

/// One counter for each ending.
#[derive(Debug, Default)]
struct Endings([AtomicU64; ENDINGS.len()]);

/// A histogram; the last bucket is for all that is above the bounds.
#[derive(Debug, Default)]
struct Times {
    buckets: [AtomicU64; BOUNDS_MS.len() + 1],
    sum_us: AtomicU64,
}

impl Metrics {
    pub(crate) fn closed(&self, reason: &Reason) {
        self.closed.count(reason);
    }

    pub(crate) fn handshake_failed(&self, reason: &Reason) {
        self.failed_handshakes.count(reason);
    }

    pub(crate) fn handshake_took(&self, time: Duration) {
        self.handshakes.count(time);
    }

    pub(crate) fn received(&self, bytes: usize) {
        add(&self.received_bytes, bytes as u64);
    }

    pub(crate) fn sent(&self, bytes: usize) {
        add(&self.sent_bytes, bytes as u64);
    }

    pub(crate) fn dialled(&self, failure: Option<&Failure>) {
        self.dials.count(failure);
    }

    /// A connection was refused or had to wait, by the limit of this name in [`LIMITS`].
    pub(crate) fn limit_reached(&self, limit: &str) {
        let place = LIMITS.iter().position(|it| *it == limit);
        place.and_then(|place| self.limits.get(place)).into_iter().for_each(|it| add(it, 1));
    }

    pub(crate) fn accept_failed(&self) {
        add(&self.failed_accepts, 1);
    }

    /// The samples, but for those of open connections.
    pub(super) fn write(&self, text: &mut String) {
        let closed = "Accepted connections that are over.";
        self.closed.write(text, "ropewalk_connections_closed_total", closed);
        let failed = "TLS handshakes of accepted connections that failed.";
        self.failed_handshakes.write(text, "ropewalk_handshakes_failed_total", failed);
        self.handshakes.write(text, "ropewalk_handshake_seconds");
        let bytes = "Bytes of accepted connections, as their protocol reads and writes them.";
        let directions = [("received", &self.received_bytes), ("sent", &self.sent_bytes)];
        labelled(text, "ropewalk_bytes_total", bytes, "direction", &directions);
        self.dials.write(text);
        let limits =
            "Connections that were refused, and times that a port had to wait, by the limit.";
        let samples: Vec<_> = LIMITS.into_iter().zip(&self.limits).collect();
        labelled(text, "ropewalk_limits_reached_total", limits, "limit", &samples);
        let accepts = "Accepts that the system refused.";
        single(
            text,
            "ropewalk_accept_errors_total",
            "counter",
            accepts,
            read(&self.failed_accepts),
        );
    }
}

impl fmt::Display for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (received, sent) = (read(&self.received_bytes), read(&self.sent_bytes));
        let (dials, failed) = (self.dials.connected(), self.dials.failed());
        let handshakes = self.failed_handshakes.total();
        write!(f, "{received} bytes received, {sent} sent, {dials} dials, {failed} failed, ")?;
        write!(f, "{handshakes} failed handshakes")
    }
}

impl Endings {
    fn count(&self, reason: &Reason) {
        let name = ending(reason);
        let counter = ENDINGS.iter().position(|it| *it == name).and_then(|index| self.0.get(index));
        counter.into_iter().for_each(|counter| add(counter, 1));
    }

    fn total(&self) -> u64 {
        self.0.iter().map(read).sum()
    }

    fn write(&self, text: &mut String, name: &str, help: &str) {
        let samples: Vec<_> = ENDINGS.into_iter().zip(&self.0).collect();
        labelled(text, name, help, "reason", &samples);
    }
}

impl Times {
    fn count(&self, time: Duration) {
        let is_within = |bound: &u64| time <= Duration::from_millis(*bound);
        let bucket = BOUNDS_MS.iter().position(is_within).unwrap_or(BOUNDS_MS.len());
        self.buckets.get(bucket).into_iter().for_each(|bucket| add(bucket, 1));
        add(&self.sum_us, u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }

    fn write(&self, text: &mut String, name: &str) {
        head(text, name, "histogram", "The time that a TLS handshake took.");
        let mut count = 0;
        for (place, bucket) in self.buckets.iter().enumerate() {
            count += read(bucket);
            let bound = BOUNDS_MS
                .get(place)
                .map(|ms| format!("{}", Duration::from_millis(*ms).as_secs_f64()));
            let bound = bound.as_deref().unwrap_or("+Inf");
            push(text, format_args!("{name}_bucket{{le=\"{bound}\"}} {count}\n"));
        }
        let sum = Duration::from_micros(read(&self.sum_us)).as_secs_f64();
        push(text, format_args!("{name}_sum {sum}\n{name}_count {count}\n"));
    }
}

/// The label of an ending.
pub(super) fn ending(reason: &Reason) -> &'static str {
    match reason {
        Reason::Done => "done",
        Reason::Lost(_) => "lost",
        Reason::Aborted => "aborted",
        Reason::Stopped => "stopped",
        Reason::TimedOut(_) => "timed_out",
        Reason::Tls(_) => "tls",
        Reason::Truncated => "truncated",
        Reason::WriteBufferExceeded { .. } => "buffer",
        Reason::ReactorBufferExceeded { .. } => "reactor_buffer",
        Reason::Panicked(_) => "panicked",
        _ => "other",
    }
}

/// One sample without a label.
pub(super) fn single(text: &mut String, name: &str, kind: &str, help: &str, value: u64) {
    head(text, name, kind, help);
    push(text, format_args!("{name} {value}\n"));
}

pub(super) fn labelled(
    text: &mut String,
    name: &str,
    help: &str,
    label: &str,
    samples: &[(&str, &AtomicU64)],
) {
    head(text, name, "counter", help);
    for (value, counter) in samples {
        push(text, format_args!("{name}{{{label}=\"{value}\"}} {}\n", read(counter)));
    }
}

pub(super) fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    push(text, format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
}

pub(super) fn push(text: &mut String, arguments: fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = text.write_fmt(arguments);
}

pub(super) fn add(counter: &AtomicU64, number: u64) {
    counter.fetch_add(number, Ordering::Relaxed);
}

pub(super) fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use interfaces::Deadline;

    #[test]
    fn each_ending_has_its_label() {
        let metrics = Metrics::default();
        for reason in [Reason::Done, Reason::Aborted, Reason::TimedOut(Deadline::Idle)] {
            metrics.closed(&reason);
            metrics.handshake_failed(&reason);
        }
        let mut text = String::new();
        metrics.write(&mut text);
        for label in ["done", "aborted", "timed_out"] {
            for name in ["connections_closed", "handshakes_failed"] {
                let sample = format!("\nropewalk_{name}_total{{reason=\"{label}\"}} 1\n");
                assert!(text.contains(&sample), "{sample}{text}");
            }
        }
        assert!(text.contains("{reason=\"lost\"} 0\n"), "{text}");
    }

    #[test]
    fn the_buckets_of_a_histogram_are_cumulative() {
        let metrics = Metrics::default();
        for milliseconds in [5, 6, 9000] {
            metrics.handshake_took(Duration::from_millis(milliseconds));
        }
        let mut text = String::new();
        metrics.write(&mut text);
        for sample in ["le=\"0.005\"} 1", "le=\"0.01\"} 2", "le=\"5\"} 2", "le=\"+Inf\"} 3"] {
            assert!(
                text.contains(&format!("ropewalk_handshake_seconds_bucket{{{sample}\n")),
                "{text}"
            );
        }
        assert!(text.contains("_sum 9.011\nropewalk_handshake_seconds_count 3\n"), "{text}");
    }
}
