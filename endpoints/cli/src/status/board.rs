//! What `--status` shows, of all workers.
//!
//! Invariant: no method waits for another thread but under a lock that is held for a few instructions.

use std::collections::BTreeMap;
use std::fmt;

use protocol::policies::ConnectionTotal;
use ropewalk::tls::SharedConfigs;

use super::metrics::{Metrics, head, push, single};
use super::readiness::Readiness;
use crate::log;

/// The state of one command.
#[derive(Debug)]
pub(crate) struct Board {
    pub(crate) metrics: Metrics,
    pub(crate) readiness: Readiness,
    connections: ConnectionTotal,
    configs: SharedConfigs,
}

impl Board {
    /// That of a command with these connections and certificates.
    pub(crate) fn new(connections: ConnectionTotal, configs: SharedConfigs) -> Self {
        let (metrics, readiness) = (Metrics::default(), Readiness::default());
        Self { metrics, readiness, connections, configs }
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
        self.write_certificates(&mut text);
        text
    }

    /// The first end of the certificates of each file; the file is the operator's word, not a peer's.
    fn write_certificates(&self, text: &mut String) {
        let name = "ropewalk_certificate_expiry_timestamp_seconds";
        let help = "The first end of the certificates that a file or directory has, in UNIX time.";
        head(text, name, "gauge", help);
        let mut ends = BTreeMap::new();
        for (path, end) in self.configs.first_ends() {
            let first = ends.entry(path).or_insert(end);
            *first = end.min(*first);
        }
        for (path, end) in ends {
            let file = quoted(&path.to_string_lossy());
            push(text, format_args!("{name}{{file=\"{file}\"}} {end}\n"));
        }
    }
}

/// A value of a label, as the format quotes it.
fn quoted(text: &str) -> String {
    text.replace('\\', r"\\").replace('"', "\\\"").replace('\n', "\\n")
}

impl fmt::Display for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (open, opened) = (self.connections.connections(), self.connections.counted());
        write!(f, "{open} connections open, {opened} accepted, {}", self.metrics)
    }
}
