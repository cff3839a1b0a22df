//! Reports on standard error.
//!
//! Invariant: no report waits for standard error, what peers cause goes through the [`Limiter`], and text
//! from elsewhere goes through [`printable`].

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt::Display;
use std::panic::PanicHookInfo;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use deferred::{Chain, Failure};
use endpoints::ParseError;
use interfaces::{Observer, ReactorEvent, ReactorTime, Reason, printable};

use crate::log::{self, ConnectionEnd, Kind, Limiter, Line, Repetitions};
use crate::status::Board;

/// The most bytes of one line: two of them are written in one piece to a pipe (pipe(7), `PIPE_BUF`).
const LINE_BYTES_MAX: usize = 2000;

/// The width of a terminal that usage errors fit.
const COLUMNS: usize = 80;

/// The wait for the last lines at the end of the command.
const LAST_LINES: Duration = Duration::from_secs(1);

thread_local! {
    /// The limiter of the reactor on this thread, from [`limit`] until [`end_limit`].
    static LIMITER: RefCell<Option<Rc<Limiter>>> = const { RefCell::new(None) };
}

/// The reporting of one run of the command; its drop waits for a moment until the last lines are written.
pub(crate) struct Session(());

impl Session {
    /// Reports panics, too, which the hook of std would write without a bound.
    pub(crate) fn begin() -> Self {
        std::panic::set_hook(Box::new(|panic| log::write(Line::note(panicked(panic)))));
        Self(())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        log::flush(LAST_LINES);
    }
}

/// Counts lines that repeat on this clock, together with the other threads that have these repetitions.
pub(crate) fn limit(clock: impl ReactorTime + 'static, repetitions: &Repetitions) {
    limit_with(Limiter::sharing(clock, tell, repetitions));
}

fn tell(kind: Kind, line: String) {
    log::write(Line::of(kind, line));
}

/// Tells the last counts, and lets go of the clock.
pub(crate) fn end_limit() {
    if let Some(limiter) = LIMITER.take() {
        limiter.finish();
    }
}

pub(crate) fn limit_with(limiter: Rc<Limiter>) {
    LIMITER.set(Some(limiter));
}

/// Reports one line that a peer can cause, again and again: the first ones as they are, then their
/// number each second.
pub(crate) fn repeated(kind: Kind, text: impl Display) {
    if !log::is_told(kind.level()) {
        return;
    }
    let line = safe(&text.to_string());
    let limiter = LIMITER.with_borrow(Clone::clone);
    match limiter {
        Some(limiter) => limiter.line(kind, line),
        None => tell(kind, line),
    }
}

/// Reports a mistake in an endpoint string: the mistake, its place and the correction.
pub(crate) fn mistake(error: &ParseError) {
    lines(error.report());
}

/// Reports that an endpoint failed: the failure with its causes, and the endpoint.
pub(crate) fn failed(endpoint: &str, failure: &Failure) {
    lines(failed_at(endpoint, failure));
}

/// Reports something that an endpoint allows.
pub(crate) fn warning(endpoint: &str, text: &str) {
    lines(format!("{}\n{}", safe(&format!("warning: {text}")), safe(&format!("  {endpoint}"))));
}

fn failed_at(endpoint: &str, failure: &Failure) -> String {
    format!("{}\n{}", safe(&format!("error: {failure:#}")), safe(&format!("  {endpoint}")))
}

/// Reports a failure that concerns no endpoint.
pub(crate) fn error(failure: &Failure) {
    note(format_args!("error: {failure:#}"));
}

/// Reports a mistake in the usage, which may take several lines.
pub(crate) fn usage(text: &str) {
    lines(printable_lines(text));
}

/// Reports a mistake in a file: lines of which one is the file's, and so none is folded.
pub(crate) fn file_mistake(text: &str) {
    lines(text.lines().map(safe).collect::<Vec<_>>().join("\n"));
}

fn printable_lines(text: &str) -> String {
    let lines = text.lines().flat_map(|line| folded(&safe(line)));
    lines.collect::<Vec<_>>().join("\n")
}

/// The line in pieces that fit a terminal, broken at blanks; a word that does not fit is left whole.
fn folded(line: &str) -> Vec<String> {
    let rest = line.trim_start();
    let (mut pieces, mut piece) = (Vec::new(), line[..line.len() - rest.len()].to_owned());
    for (number, word) in rest.split(' ').enumerate() {
        if number > 0 && piece.chars().count() + 1 + word.chars().count() > COLUMNS {
            pieces.push(std::mem::replace(&mut piece, "  ".into()));
        } else if number > 0 {
            piece.push(' ');
        }
        piece.push_str(word);
    }
    pieces.push(piece);
    pieces
}

/// Reports that a connection is over, and how.
pub(crate) fn connection(end: ConnectionEnd, reason: &Reason) {
    log::write(Line::connection(end, safe(&Chain(reason).to_string())));
}

/// Reports one line. Its level is the word that it begins with: `error: `, `warning: `, or none.
pub(crate) fn note(text: impl Display) {
    lines(safe(&text.to_string()));
}

fn lines(text: String) {
    log::write(Line::note(text));
}

/// One line that is safe for a terminal.
fn safe(line: &str) -> String {
    clipped(&printable(line).to_string()).into_owned()
}

/// The line, without its middle if it is too long.
fn clipped(line: &str) -> Cow<'_, str> {
    if line.len() <= LINE_BYTES_MAX {
        return Cow::Borrowed(line);
    }
    let kept = LINE_BYTES_MAX / 2 - 50;
    let (start, end) = (boundary(line, kept), boundary(line, line.len() - kept));
    let left_out = end - start;
    Cow::Owned(format!("{}… ({left_out} bytes left out) …{}", &line[..start], &line[end..]))
}

/// The last character boundary up to `offset`.
fn boundary(text: &str, offset: usize) -> usize {
    (0..=offset).rev().find(|offset| text.is_char_boundary(*offset)).unwrap_or(0)
}

/// What std's hook would print.
fn panicked(panic: &PanicHookInfo<'_>) -> String {
    let payload = panic.payload();
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let text = text.unwrap_or("a value that is not text");
    match panic.location() {
        Some(place) => safe(&format!("error: panicked at {place}: {text}")),
        None => safe(&format!("error: panicked: {text}")),
    }
}

/// Reports the reactor's errors, and counts failed accepts; that a port opens or closes is not reported.
pub(crate) struct StderrObserver {
    pub(crate) board: Arc<Board>,
}

impl Observer for StderrObserver {
    fn observe(&self, event: &ReactorEvent<'_>) {
        match event {
            ReactorEvent::AcceptFailed { address, error, remedy } => {
                self.board.metrics.accept_failed();
                let text = format_args!("warning: cannot accept on {address}: {error}; {remedy}");
                repeated(Kind::Accept, text);
            }
            ReactorEvent::CallbackPanicked { callback, peer: Some(peer), message } => repeated(
                Kind::Panic,
                format_args!("error: a {callback} panicked, connected with {peer}: {message}"),
            ),
            ReactorEvent::CallbackPanicked { callback, peer: None, message } => {
                repeated(Kind::Panic, format_args!("error: a {callback} panicked: {message}"));
            }
            ReactorEvent::Failed { attempt, error } => {
                repeated(Kind::Unhandled, format_args!("error: {attempt}: {}", Chain(*error)));
            }
            ReactorEvent::ListeningStarted { .. } | ReactorEvent::ListeningStopped { .. } => {}
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use interfaces::{ConnectError, FailedAddress, OsError, UnixAddress};

    #[test]
    fn a_wrong_argument_cannot_disturb_a_terminal() {
        let text =
            "error: unexpected argument '--\u{202e}a\x1b[2J\u{200b}' found\n\nUsage: ropewalk\n";
        let safe = r"error: unexpected argument '--\u{202e}a\u{1b}[2J\u{200b}' found";
        assert_eq!(printable_lines(text), format!("{safe}\n\nUsage: ropewalk"));
    }

    #[test]
    fn a_usage_error_fits_a_terminal() {
        let line = format!("  error: {} end", "word ".repeat(30).trim_end());
        let pieces = folded(&line);
        assert!(pieces.len() > 1 && pieces.iter().all(|it| it.len() <= COLUMNS), "{pieces:?}");
        assert_eq!(pieces.join("").replace("  ", " "), line.replace("  ", " "));
        let long = "x".repeat(200);
        assert_eq!(folded(&long), [long]);
        assert_eq!(folded(""), [""]);
    }

    #[test]
    fn what_a_peer_sent_cannot_disturb_a_terminal() {
        let cause = Failure::new(std::io::Error::other("a\n\x1b[2Jb\u{9b}\u{202e}é"));
        let attempts = vec![FailedAddress::new(UnixAddress::Unnamed.into(), cause.clone())];
        let host = "evil\u{200b}.example".into();
        for failure in [cause, Failure::new(ConnectError::AllFailed { host, attempts })] {
            let text = failed_at("tcp:\u{202e}moc:80\r", &failure);
            let (error, endpoint) = text.split_once('\n').unwrap();
            assert!(error.ends_with("a\\n\\u{1b}[2Jb\\u{9b}\\u{202e}é"), "{error}");
            assert!(!error.contains('\u{200b}'), "{error}");
            assert_eq!(endpoint, "  tcp:\\u{202e}moc:80\\r");
        }
    }

    #[test]
    fn a_long_line_loses_its_middle() {
        let line = safe(&format!("error: {}\u{1b}", "ü".repeat(1 << 20)));
        assert!(line.len() <= LINE_BYTES_MAX, "{}", line.len());
        assert!(line.starts_with("error: üü") && line.ends_with("üü\\u{1b}"), "{line}");
        assert!(line.contains("ü… (2095") && line.contains(" bytes left out) …ü"), "{line}");
        let line = "x".repeat(LINE_BYTES_MAX);
        assert_eq!(safe(&line), line);
    }

    #[test]
    fn an_error_shows_with_its_causes() {
        let source = OsError::from_raw_os_error(111);
        let address = UnixAddress::Unnamed.into();
        let failure = Failure::new(ConnectError::Refused { address, source });
        let line = failed_at("unix:", &failure);
        let begins = line.starts_with("error: cannot connect to unix:: ");
        assert!(begins && line.contains("111"), "{line}");
    }
}
