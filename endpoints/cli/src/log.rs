//! The log on standard error, which neither blocks the loop nor grows with what strangers do;
//! Twisted's `twisted.logger`.
//!
//! ```text
//! report ──▶ Limiter ──▶ Line ─────────▶ LineQueue ──▶ a thread ──▶ standard error
//!            per kind    text or JSON    bounded       may block
//! ```
//!
//! Invariant: the thread alone writes to standard error while there is one, so the loop never waits
//! for a reader.

mod kind;
mod limiter;
mod line;
mod settings;
mod writer;

pub(crate) use kind::Kind;
pub(crate) use limiter::{Limiter, Repetitions};
pub(crate) use line::{ConnectionEnd, Line, now};
pub(crate) use settings::{LeastLevel, LogForm, LogSettings, is_told};
pub(crate) use writer::{flush, left_out};

/// Tells a line, unless lines of its level are not told. Waits for standard error only as long as the queue
/// allows; called from any thread.
pub(crate) fn write(line: Line) {
    if !is_told(line.level()) {
        return;
    }
    writer::write(if settings::is_json() { line.into_json(now()) } else { line.into_text() });
}
