//! The options of `serve` and `relay` that tell what happens, as clap reads them.
//!
//! Invariant: nothing is opened here.

use clap::Args;
use endpoints::ServerString;

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
}

impl Reporting {
    /// What is said of the log.
    pub(crate) fn log_settings(&self) -> LogSettings {
        LogSettings { form: self.log, level: self.log_level }
    }
}
