//! [`SafeDisplay`]: showing a value whose own formatting may fail.
//!
//! Invariant: only the writer's own failure is reported as one, so a report about an error does not
//! fail because of that error.

use core::fmt::{self, Write as _};

/// Shows a value whose own formatting may fail, so that the report about an error does not panic
/// over it.
pub(crate) struct SafeDisplay<'a, 'b> {
    to: &'a mut fmt::Formatter<'b>,
    /// The writer failed, not the value that is shown.
    broken: bool,
}

impl SafeDisplay<'_, '_> {
    pub(crate) fn display(f: &mut fmt::Formatter<'_>, shown: &dyn fmt::Display) -> fmt::Result {
        SafeDisplay::show(f, format_args!("{shown}"))
    }

    pub(crate) fn debug(f: &mut fmt::Formatter<'_>, shown: &dyn fmt::Debug) -> fmt::Result {
        SafeDisplay::show(f, format_args!("{shown:?}"))
    }

    fn show(f: &mut fmt::Formatter<'_>, shown: fmt::Arguments<'_>) -> fmt::Result {
        let mut safe = SafeDisplay { to: f, broken: false };
        match safe.write_fmt(shown) {
            Err(fmt::Error) if !safe.broken => safe.to.write_str("<error that cannot be shown>"),
            result => result,
        }
    }
}

impl fmt::Write for SafeDisplay<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let result = self.to.write_str(text);
        self.broken |= result.is_err();
        result
    }
}
