//! The size of the window of a child's terminal.
//!
//! Invariant: it is counted in characters, never in pixels.

/// The size of a terminal's window, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WindowSize {
    /// Lines. Default 24.
    pub rows: u16,
    /// Characters in a line. Default 80.
    pub columns: u16,
}

impl Default for WindowSize {
    fn default() -> Self {
        Self { rows: 24, columns: 80 }
    }
}

impl WindowSize {
    /// A window of this size.
    pub fn new(rows: u16, columns: u16) -> Self {
        Self { rows, columns }
    }
}
