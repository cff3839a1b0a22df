//! `ropewalk probe`: one connection to an endpoint, and what it went through.
//!
//! Invariant: the findings are printed whatever they are, and the exit code is 0 only if the connection stood and
//! the certificate is valid for as long as asked.

use std::io::{self, Write as _};
use std::time::Duration;

use systemd::ListenFds;

use crate::app::App;
use crate::arguments::Probe;
use crate::exit_code::Exit;
use crate::probe::{Findings, now, text, visit};
use crate::report;

/// Probes one endpoint.
pub(crate) fn run(arguments: &Probe) -> Result<Exit, Exit> {
    let app = App::new(ListenFds::default())?;
    let (parsed, trace) = app.traced_client(&arguments.connect, arguments.connect_timeout)?;
    let findings = Findings {
        endpoint: arguments.connect.to_string(),
        layers: parsed.description.layers.iter().map(|layer| layer.to_string()).collect(),
        ..Findings::default()
    };
    let (endpoint, is_json) = (parsed.endpoint, arguments.json);
    let valid_for = arguments.valid_for.0.unwrap_or_default();
    Ok(app.run(async move {
        let findings = visit(endpoint, trace, findings).await;
        print(&findings, is_json);
        exit(&findings, valid_for)
    }))
}

fn exit(findings: &Findings, valid_for: Duration) -> Exit {
    if !findings.ok {
        return Exit::Unavailable;
    }
    let end = findings.tls.as_ref().and_then(|tls| tls.chain.first()).map(|link| link.not_after);
    let least = now().saturating_add_unsigned(valid_for.as_secs());
    match end {
        Some(end) if end < least => {
            report::note("error: the certificate ends before the time of --valid-for");
            Exit::Unavailable
        }
        _ => Exit::Done,
    }
}

fn print(findings: &Findings, is_json: bool) {
    let text =
        if is_json { serde_json::to_string(findings).unwrap_or_default() } else { text(findings) };
    let mut output = io::stdout().lock();
    // A caller that closed the output has the exit code.
    let _ = writeln!(output, "{text}").and_then(|()| output.flush());
}
