//! Times as people write them: `30`, `30s`, `500ms`, `5m`, `2h`.
//!
//! Invariant: adding an accepted time to a monotonic clock does not overflow.

use core::time::Duration;

/// The longest accepted time, in seconds: 136 years.
pub(crate) const SECONDS_MAX: u64 = u32::MAX as u64;

/// Reads a time: decimal digits, and then `ms`, `s`, `m` or `h`; without a unit it is in seconds.
///
/// Endpoint strings read `timeout` with it, and command lines read their options with it.
///
/// # Errors
///
/// [`BadDuration`] for a text of any other form, and for more than 4294967295 seconds.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use ropewalk_endpoints::parse_duration;
///
/// assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
/// assert_eq!(parse_duration("10h"), Ok(Duration::from_secs(36_000)));
/// assert!(parse_duration("1.5s").is_err());
/// ```
pub fn parse_duration(text: &str) -> Result<Duration, BadDuration> {
    let unit = text.trim_start_matches(|character: char| character.is_ascii_digit());
    let number: u64 = text[..text.len() - unit.len()].parse().map_err(|_| BadDuration)?;
    let time = match unit {
        "ms" => Duration::from_millis(number),
        "" | "s" => Duration::from_secs(number),
        "m" => Duration::from_secs(number.checked_mul(60).ok_or(BadDuration)?),
        "h" => Duration::from_secs(number.checked_mul(3600).ok_or(BadDuration)?),
        _ => return Err(BadDuration),
    };
    if time.as_secs() <= SECONDS_MAX { Ok(time) } else { Err(BadDuration) }
}

/// The error of [`parse_duration`]: the text is not a time, or the time is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a time from 0 to {SECONDS_MAX} s, as in `30`, `500ms`, `5m` or `2h`")]
#[non_exhaustive]
pub struct BadDuration;

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::ToString as _;

    #[test]
    fn a_time_has_a_unit_or_is_in_seconds() {
        for (text, time) in [
            ("0", Duration::ZERO),
            ("10", Duration::from_secs(10)),
            ("10s", Duration::from_secs(10)),
            ("500ms", Duration::from_millis(500)),
            ("2m", Duration::from_secs(120)),
            ("10h", Duration::from_secs(36_000)),
            ("007s", Duration::from_secs(7)),
            ("4294967295", Duration::from_secs(SECONDS_MAX)),
            ("4294967295999ms", Duration::from_millis(4_294_967_295_999)),
            ("1193046h", Duration::from_secs(4_294_965_600)),
        ] {
            assert_eq!(parse_duration(text), Ok(time), "{text}");
        }
    }

    #[test]
    fn a_text_of_another_form_is_an_error() {
        for text in [
            "", "s", "ms", "h", "-1", "+1", "1.5", "1.5s", "30d", "10 s", " 10", "10S", "10ss",
            "10ms1", "1_0", "0x10", "١٠", "１０", "10\n", "inf", "é",
        ] {
            assert_eq!(parse_duration(text), Err(BadDuration), "{text:?}");
        }
    }

    #[test]
    fn a_time_above_the_limit_is_an_error_and_not_an_overflow() {
        for number in ["4294967296", "18446744073709551615", "99999999999999999999"] {
            for unit in ["", "s", "m", "h"] {
                assert_eq!(parse_duration(&format!("{number}{unit}")), Err(BadDuration));
            }
        }
        for text in ["4294967296000ms", "71582789m", "1193047h", "307445734561825861m"] {
            assert_eq!(parse_duration(text), Err(BadDuration), "{text}");
        }
    }

    #[test]
    fn the_error_says_what_is_accepted() {
        assert_eq!(
            BadDuration.to_string(),
            "not a time from 0 to 4294967295 s, as in `30`, `500ms`, `5m` or `2h`"
        );
    }
}
