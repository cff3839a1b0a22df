//! The options of `serve` and `relay` that tell what happens, as clap reads them.
//!
//! Invariant: nothing is opened but the file of a dump.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use endpoints::ServerString;

use crate::dump::{Dump, DumpForm};
use crate::exit_code::Exit;
use crate::log::{LeastLevel, LogForm, LogSettings};

/// The options that tell what happens.
#[derive(Args, Clone, Debug)]
pub(crate) struct Reporting {
    /// Where to answer /live, /ready, /metrics and /agent over HTTP; else nowhere
    #[arg(long, value_name = "LISTEN", hide_long_help = true)]
    pub(crate) status: Option<ServerString>,
    /// Tell the end of each connection on standard error
    #[arg(long, hide_long_help = true)]
    pub(crate) log_connections: bool,
    /// text, json, or auto for text on a terminal and json elsewhere; else text
    #[arg(long, value_name = "FORM", default_value = "text", hide_default_value = true)]
    #[arg(hide_possible_values = true, hide_long_help = true)]
    log: LogForm,
    /// Least important lines to tell: info, warn or error; else info
    #[arg(long, value_name = "LEVEL", default_value = "info", hide_default_value = true)]
    #[arg(hide_possible_values = true, hide_long_help = true)]
    log_level: LeastLevel,
    /// Write all that passes, passwords too, as text, hex or pcap; else nothing
    #[arg(long, value_name = "FORM", hide_possible_values = true, hide_long_help = true)]
    dump: Option<DumpForm>,
    /// Where to write it, as pcap has to; else standard error
    #[arg(long, value_name = "FILE", requires = "dump", required_if_eq("dump", "pcap"))]
    #[arg(hide_long_help = true)]
    dump_file: Option<PathBuf>,
}

impl Reporting {
    /// Opens what all that passes is written to, if that is asked for.
    ///
    /// # Errors
    ///
    /// The exit code, when the file cannot be opened; it was reported.
    pub(crate) fn open_dump(&self) -> Result<Option<Arc<Dump>>, Exit> {
        self.dump.map(|form| Dump::open(form, self.dump_file.as_deref())).transpose()
    }

    /// The form and the level of the log.
    pub(crate) fn log_settings(&self) -> LogSettings {
        LogSettings { form: self.log, level: self.log_level }
    }
}
