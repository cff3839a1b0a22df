//! One life as a time line, in text and as a picture: who wrote what and when, and what the network did to it.
//!
//! ```text
//!      time in ms   client                      server
//!           0.000   connect
//!           0.410                               accept
//!           0.410   send 12   ── 12 bytes ─▶
//! ```
//!
//! Invariant: a row is one entry of the trace; the client's are left, the server's right.

use std::fmt::Write as _;
use std::time::Duration;

use crate::simulated::ChoiceKind;
use crate::simulated::pipe::Segment;
use crate::simulated::recording::RecordedLife;
use crate::simulated::trace::{SystemCall, TraceEntry, TraceEvent};

/// How many rows are drawn: the last ones of a life.
const ROWS_MAX: usize = 60;

/// One row.
struct Row {
    time: Duration,
    /// Of the client or of the server; `None` is the whole machine.
    is_client: Option<bool>,
    label: String,
    kind: RowKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum RowKind {
    Call,
    Departure(Segment),
    Arrival(Segment),
    Fault,
}

/// The time line as text.
pub(super) fn text(life: &RecordedLife) -> String {
    let [client, server] = &life.names;
    let mut text = format!("{:>12}  {:<34}{}\n", "ms", client, server);
    for row in rows(life) {
        let millis = row.time.as_secs_f64() * 1000.0;
        let label = match row.kind {
            RowKind::Departure(_) => format!("  {} leave", row.label),
            RowKind::Arrival(_) => format!("  {} arrive", row.label),
            RowKind::Fault => format!("  ! {}", row.label),
            RowKind::Call => row.label,
        };
        // Writing to a string cannot fail.
        let _ = match row.is_client {
            Some(true) => writeln!(text, "{millis:>12.3}  {label}"),
            Some(false) => writeln!(text, "{millis:>12.3}  {:<34}{label}", ""),
            None => writeln!(text, "{millis:>12.3}  {:<17}{label}", ""),
        };
    }
    text
}

/// The time line as SVG.
pub(super) fn svg(life: &RecordedLife) -> String {
    const LEFT: usize = 330;
    const RIGHT: usize = 570;
    const STEP: usize = 18;
    let rows = rows(life);
    let height = (rows.len() + 4) * STEP;
    let [client, server] = life.names.each_ref().map(|name| escaped(name));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"900\" height=\"{height}\" \
         font-family=\"monospace\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"{LEFT}\" y=\"16\" text-anchor=\"end\">{client}</text>\n\
         <text x=\"{RIGHT}\" y=\"16\">{server}</text>\n"
    );
    for x in [LEFT, RIGHT] {
        let _ = writeln!(svg, "<path d=\"M{x} 24V{height}\" stroke=\"gray\"/>");
    }
    for (place, row) in rows.iter().enumerate() {
        let y = (place + 2) * STEP;
        let millis = row.time.as_secs_f64() * 1000.0;
        let _ = writeln!(svg, "<text x=\"4\" y=\"{y}\" fill=\"gray\">{millis:.3}</text>");
        let label = escaped(&row.label);
        let color = if row.kind == RowKind::Fault { "crimson" } else { "black" };
        let (x, anchor) = match row.is_client {
            Some(true) => (LEFT - 8, "end"),
            Some(false) => (RIGHT + 8, "start"),
            None => (LEFT.midpoint(RIGHT), "middle"),
        };
        let from = departure(&rows, place).map(|from| (from + 2) * STEP);
        let (here, there) = if row.is_client == Some(true) { (LEFT, RIGHT) } else { (RIGHT, LEFT) };
        match (row.kind, from) {
            (RowKind::Departure(_), _) => {}
            (RowKind::Arrival(_), from) => {
                let (from, middle) = (from.unwrap_or(y), LEFT.midpoint(RIGHT));
                let (line, text) = (y - 4, from.midpoint(y) - 8);
                let _ = writeln!(
                    svg,
                    "<path d=\"M{there} {} L{here} {line}\" stroke=\"steelblue\"/>\
                     <circle cx=\"{here}\" cy=\"{line}\" r=\"3\" fill=\"steelblue\"/>\
                     <text x=\"{middle}\" y=\"{text}\" text-anchor=\"middle\" fill=\"steelblue\">{label}</text>",
                    from - 4
                );
            }
            _ => {
                let _ = writeln!(
                    svg,
                    "<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\" fill=\"{color}\">{label}</text>"
                );
            }
        }
    }
    svg + "</svg>\n"
}

/// The row of the departure of a segment that arrives in this row: the last one like it, so that each arrival
/// has one that came before.
fn departure(rows: &[Row], place: usize) -> Option<usize> {
    let RowKind::Arrival(segment) = rows[place].kind else { return None };
    let sender = rows[place].is_client.map(|is_client| !is_client);
    let earlier = |kind: RowKind, of: Option<bool>| {
        rows[..place].iter().filter(move |row| row.kind == kind && row.is_client == of).count()
    };
    let number = earlier(rows[place].kind, rows[place].is_client);
    let is_it = |row: &Row| row.kind == RowKind::Departure(segment) && row.is_client == sender;
    let mut departures = rows[..place].iter().enumerate().filter(|(_, row)| is_it(row));
    departures.nth(number).map(|(place, _)| place)
}

fn rows(life: &RecordedLife) -> Vec<Row> {
    let mut rows: Vec<Row> = life.entries.iter().filter_map(|entry| row(life, entry)).collect();
    calls_first(&mut rows);
    let first = rows.iter().position(|row| row.is_client.is_some()).unwrap_or(0);
    rows.drain(..first.max(rows.len().saturating_sub(ROWS_MAX)));
    rows
}

/// Puts a call before the segments that left during it.
fn calls_first(rows: &mut [Row]) {
    for place in 1..rows.len() {
        let (before, row) = (&rows[..place], &rows[place]);
        let left = |other: &&Row| {
            let is_departure = matches!(other.kind, RowKind::Departure(_));
            is_departure && other.time == row.time && other.is_client == row.is_client
        };
        if row.kind == RowKind::Call {
            let segments = before.iter().rev().take_while(left).count();
            rows[place - segments..=place].rotate_right(1);
        }
    }
}

fn row(life: &RecordedLife, entry: &TraceEntry) -> Option<Row> {
    let is_client = match entry.socket {
        0 => None,
        socket => Some(socket == life.sockets[0]),
    };
    let (label, kind) = match &entry.event {
        TraceEvent::Call(call, answer, _) => (call_label(*call, *answer)?, RowKind::Call),
        TraceEvent::Departure(segment) => (segment_label(*segment), RowKind::Departure(*segment)),
        TraceEvent::Arrival(segment) => (segment_label(*segment), RowKind::Arrival(*segment)),
        TraceEvent::Faults(bits) => (faults(*bits)?, RowKind::Fault),
    };
    (is_client.is_some() || kind == RowKind::Fault).then_some(())?;
    Some(Row { time: entry.time, is_client, label, kind })
}

/// The calls that a reader of a time line asks about, with their results.
fn call_label(call: SystemCall, answer: i64) -> Option<String> {
    use SystemCall::{Close, Recv, Send, Sendmsg, Shutdown};
    let is_shown = matches!(call, Close | Recv | Send | Sendmsg | Shutdown);
    is_shown.then(|| match (call, answer) {
        (Recv, 0) => "recv: end of file".to_owned(),
        (Close | Shutdown, 0) => call.label().to_owned(),
        (_, ..0) => {
            let error = std::io::Error::from_raw_os_error(-answer as i32);
            format!("{}: {error}", call.label())
        }
        _ => format!("{} {answer}", call.label()),
    })
}

fn segment_label(segment: Segment) -> String {
    match segment {
        Segment::Data(bytes) => format!("{bytes} bytes"),
        Segment::Fin => "FIN".to_owned(),
        Segment::Reset => "RST".to_owned(),
    }
}

/// The names of the faults of these bits; reports in another order are left out.
fn faults(bits: u64) -> Option<String> {
    let quiet = [ChoiceKind::ReportOrder, ChoiceKind::ReportScope, ChoiceKind::EarlyReport];
    let met = ChoiceKind::ALL.iter().filter(|kind| bits >> **kind as u8 & 1 == 1);
    let names: Vec<&str> = met.filter(|kind| !quiet.contains(kind)).map(|it| it.name()).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
