//! A probe's findings for a reader: one fact a line, in columns.
//!
//! Invariant: text from elsewhere is printable.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use interfaces::printable;

use super::Findings;
use super::findings::{Attempt, ChainLink, LookUp, TlsFindings};

const DAY: i64 = 24 * 60 * 60;

/// The lines, without the last one's end.
pub(crate) fn text(findings: &Findings) -> String {
    let layers = findings.layers.join(" over ");
    let mut text = format!("endpoint  {}\nlayers    {layers}", printable(&findings.endpoint));
    findings.look_ups.iter().for_each(|look_up| push_look_up(&mut text, look_up));
    findings.attempts.iter().for_each(|attempt| push_attempt(&mut text, attempt));
    if let Some(tls) = &findings.tls {
        push_tls(&mut text, tls);
    }
    let time = milliseconds(findings.seconds);
    match (&findings.peer, &findings.error) {
        (Some(peer), _) => push(&mut text, "connected", &format!("{peer} in {time}")),
        (None, error) => {
            let error = error.as_deref().unwrap_or_default();
            push(&mut text, "failed", &format!("after {time}: {}", printable(error)));
        }
    }
    text
}

/// Now, in seconds since 1970.
pub(crate) fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

fn push(text: &mut String, name: &str, value: &str) {
    // Writing to a string does not fail.
    let _ = write!(text, "\n{name:<9} {value}");
}

fn push_look_up(text: &mut String, look_up: &LookUp) {
    let (name, time) = (printable(&look_up.name), milliseconds(look_up.seconds));
    let found = match &look_up.error {
        Some(error) => format!("failed: {}", printable(error)),
        None => look_up.addresses.join(", "),
    };
    push(text, "look-up", &format!("{name} in {time}: {found}"));
}

fn push_attempt(text: &mut String, attempt: &Attempt) {
    let (at, time) = (milliseconds(attempt.at), milliseconds(attempt.seconds));
    let address = printable(&attempt.address);
    let came = match &attempt.error {
        Some(error) => format!("failed in {time}: {}", printable(error)),
        None if attempt.connected => format!("connected in {time}"),
        None => "not over".into(),
    };
    push(text, "attempt", &format!("{address} at {at}: {came}"));
}

fn push_tls(text: &mut String, tls: &TlsFindings) {
    let unknown = String::new();
    let version = tls.version.as_ref().unwrap_or(&unknown);
    let suite = tls.cipher_suite.as_ref().unwrap_or(&unknown);
    let alpn = tls.alpn.as_ref().map(|name| format!(", ALPN {name}")).unwrap_or_default();
    let time = milliseconds(tls.seconds);
    push(text, "tls", &format!("{version}, {suite}{alpn}, in {time}"));
    tls.chain.iter().for_each(|link| push_link(text, link));
}

fn push_link(text: &mut String, link: &ChainLink) {
    let days = (link.not_after - now()).div_euclid(DAY);
    let names = if link.names.is_empty() { "" } else { &format!(" for {}", link.names.join(", ")) };
    let ends = if days < 0 { "has expired".into() } else { format!("{days} days left") };
    push(text, "cert", &format!("{}{names}, by {}: {ends}", link.subject, link.issuer));
}

fn milliseconds(seconds: f64) -> String {
    format!("{:.1} ms", seconds * 1000.0)
}
