//! Figures: one number from each measurement, with its unit.
//!
//! Invariant: a figure is computed from the report of a program alone.

use serde_json::Value;

use super::goal::Goal;

/// A number that a trial measures.
#[derive(Clone, Debug)]
pub(super) struct Figure {
    /// The name within the trial.
    pub(super) id: &'static str,
    pub(super) unit: &'static str,
    pub(super) source: Source,
    pub(super) goals: Vec<Goal>,
}

/// The source of the number.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source {
    /// The server's processor time, divided by the operations.
    ServerPerOperation,
    /// The server's processor time, divided by the kibibytes.
    ServerPerKibibyte,
    /// Operations by the wall clock.
    PerSecond,
    /// A number that the program reports as such.
    Reported,
}

impl Figure {
    pub(super) fn new(id: &'static str, unit: &'static str, source: Source) -> Self {
        Self { id, unit, source, goals: Vec::new() }
    }

    pub(super) fn goals(mut self, goals: impl IntoIterator<Item = Goal>) -> Self {
        self.goals.extend(goals);
        self
    }

    /// The figure of one measurement; `None` if the report lacks its source.
    pub(super) fn of(&self, report: &Value) -> Option<f64> {
        let number = |key: &str| report.get(key).and_then(Value::as_f64);
        match self.source {
            Source::ServerPerOperation => {
                Some(number("server_nanoseconds")? / number("operations")?)
            }
            Source::ServerPerKibibyte => {
                Some(number("server_nanoseconds")? / (number("bytes")? / 1024.0))
            }
            Source::PerSecond => Some(number("operations")? / (number("nanoseconds")? / 1e9)),
            Source::Reported => number(self.id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_figure_is_what_the_report_says_divided() {
        let report = json!({
            "operations": 100, "bytes": 6400, "nanoseconds": 50_000_000, "server_nanoseconds": 500_000,
        });
        let of = |source| Figure::new("x", "", source).of(&report);
        assert_eq!(of(Source::ServerPerOperation), Some(5000.0));
        assert_eq!(of(Source::ServerPerKibibyte), Some(80_000.0));
        assert_eq!(of(Source::PerSecond), Some(2000.0));
        assert_eq!(of(Source::Reported), None);
    }
}
