//! What `--status` shows, of all workers.
//!
//! Invariant: no method waits for another thread but under a lock that is held for a few instructions.

use std::fmt;

use protocol::policies::ConnectionTotal;

use super::metrics::{Metrics, head, push, single};
use super::readiness::Readiness;
use crate::log;

/// The state of one command.
#[derive(Debug)]
pub(crate) struct Board {
    pub(crate) metrics: Metrics,
    pub(crate) readiness: Readiness,
    connections: ConnectionTotal,
}

impl Board {
    /// That of a command with these connections.
    pub(crate) fn new(connections: ConnectionTotal) -> Self {
        Self { metrics: Metrics::default(), readiness: Readiness::default(), connections }
    }

    /// Everything for Prometheus.
    pub(super) fn metrics_text(&self) -> String {
        let mut text = String::new();
        let build = "ropewalk_build_info";
        head(&mut text, build, "gauge", "The version that runs.");
        let version = env!("CARGO_PKG_VERSION");
        push(&mut text, format_args!("{build}{{version=\"{version}\"}} 1\n"));
        let ready = u64::from(self.readiness.blockers().is_empty());
        single(&mut text, "ropewalk_ready", "gauge", "Whether /ready is 200.", ready);
        let open = self.connections.connections() as u64;
        let help = "Accepted connections that are open; a relay's count with their outgoing one.";
        single(&mut text, "ropewalk_connections_open", "gauge", help, open);
        let help = "Connections that were accepted.";
        let opened = self.connections.counted();
        single(&mut text, "ropewalk_connections_opened_total", "counter", help, opened);
        self.metrics.write(&mut text);
        let help = "Lines of the log that had no room, as standard error was not read.";
        let lines = "ropewalk_log_lines_dropped_total";
        single(&mut text, lines, "counter", help, log::left_out());
        text
    }
}

impl fmt::Display for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (open, opened) = (self.connections.connections(), self.connections.counted());
        write!(f, "{open} connections open, {opened} accepted, {}", self.metrics)
    }
}
