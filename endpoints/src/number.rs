//! Numbers and switches in endpoint strings: the forms that Python's `int()` accepts, but for the unsafe ones.
//!
//! Invariant: ASCII digits only, and never a negative number.

use core::time::Duration;

use crate::duration::{SECONDS_MAX, parse_duration};

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

/// A switch: the numbers 0 and 1, and words.
pub(crate) fn switch(text: &str) -> Option<bool> {
    match text {
        "yes" | "true" => Some(true),
        "no" | "false" => Some(false),
        number => match decimal(number)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        },
    }
}

/// A time: a [`decimal`] number of seconds, or what [`parse_duration`] reads.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    match decimal(text) {
        Some(seconds) if seconds <= SECONDS_MAX => Some(Duration::from_secs(seconds)),
        Some(_) => None,
        None => parse_duration(text).ok(),
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
