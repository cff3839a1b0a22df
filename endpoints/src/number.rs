//! Numbers as endpoint strings write them: what Python's `int()` reads, as far as it is safe.
//!
//! Invariant: ASCII digits only, and never a negative number.

use core::time::Duration;

/// The longest time that can be asked for, in seconds: 136 years, so that adding it to a clock
/// never overflows.
pub(crate) const SECONDS_MAX: u64 = u32::MAX as u64;

/// A decimal number. As in Python, space around it, a `+`, leading zeros, and single underscores
/// between digits are accepted.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    digits(unsigned(text), 10)
}

/// An octal number, as [`decimal`], with or without `0o`.
pub(crate) fn octal(text: &str) -> Option<u64> {
    let text = unsigned(text);
    match text.strip_prefix("0o").or_else(|| text.strip_prefix("0O")) {
        Some(rest) => digits(rest.strip_prefix('_').unwrap_or(rest), 8),
        None => digits(text, 8),
    }
}

/// A time: a decimal number of seconds, or a number with `ms`, `s`, `m` or `h` after it.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let time = match decimal(text) {
        Some(seconds) => Duration::from_secs(seconds),
        None => with_unit(text)?,
    };
    Some(time).filter(|time| time.as_secs() <= SECONDS_MAX)
}

fn with_unit(text: &str) -> Option<Duration> {
    let unit = text.trim_start_matches(|character: char| character.is_ascii_digit());
    let number = digits(&text[..text.len() - unit.len()], 10)?;
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_secs(number.checked_mul(60)?)),
        "h" => Some(Duration::from_secs(number.checked_mul(3600)?)),
        _ => None,
    }
}

fn unsigned(text: &str) -> &str {
    let text = text.trim();
    text.strip_prefix('+').unwrap_or(text)
}

fn digits(text: &str, radix: u32) -> Option<u64> {
    let mut number = 0u64;
    for group in text.split('_') {
        if group.is_empty() {
            return None;
        }
        for character in group.chars() {
            let digit = character.to_digit(radix)?;
            number = number.checked_mul(radix.into())?.checked_add(digit.into())?;
        }
    }
    Some(number)
}
