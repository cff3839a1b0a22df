//! A time on the command line: `10`, `10s`, `500ms`, `2m`.
//!
//! Invariant: what is accepted is digits and one known unit, and fits a `Duration`.

use std::time::Duration;

/// Reads a time; without a unit it is seconds.
///
/// # Errors
///
/// One line that says what would be right.
pub(crate) fn parse_grace(text: &str) -> Result<Duration, GraceError> {
    let digits = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| GraceError)?;
    match unit {
        "ms" => Ok(Duration::from_millis(number)),
        "" | "s" => Ok(Duration::from_secs(number)),
        "m" => number.checked_mul(60).map(Duration::from_secs).ok_or(GraceError),
        _ => Err(GraceError),
    }
}

/// The text is not a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GraceError;

impl std::fmt::Display for GraceError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("expected a time such as 10, 10s, 500ms or 2m")
    }
}

impl std::error::Error for GraceError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_unit_or_is_in_seconds() {
        assert_eq!(parse_grace("10"), Ok(Duration::from_secs(10)));
        assert_eq!(parse_grace("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(parse_grace("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_grace("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(parse_grace("0"), Ok(Duration::ZERO));
    }

    #[test]
    fn what_is_not_a_time_is_an_error() {
        let beyond = "99999999999999999999";
        let overflow = format!("{}m", u64::MAX);
        for text in ["", "s", "ms", "-1", "+1", "1.5", "10h", "10 s", "١٠", beyond, &overflow] {
            assert_eq!(parse_grace(text), Err(GraceError), "{text:?}");
        }
    }
}
