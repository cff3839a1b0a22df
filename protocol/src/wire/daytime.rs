//! Daytime (RFC 867): the date and time as one line; Twisted's `wire.Daytime`.
//!
//! Invariant: the time is UTC and the calendar Gregorian, for every second that a `Duration` since
//! 1970 can count in years of four digits and beyond.

use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use core::time::Duration;

use interfaces::{Protocol, Transport};

/// Sends one line and closes. What the peer sends is thrown away.
///
/// # Differences from Twisted
///
/// The line is the RFC's first form, `Tuesday, February 22, 1982 17:37:43-UTC`; Twisted's fails with a
/// `TypeError` since Python 3.
#[derive(Clone, Copy, Debug)]
pub struct Daytime {
    since_1970: Duration,
}

impl Daytime {
    /// The server of a connection that is made at this time since 1970, in UTC.
    pub fn at(since_1970: Duration) -> Self {
        Self { since_1970 }
    }

    /// The server of a connection that is made now, by the system's clock.
    #[cfg(feature = "std")]
    pub fn now() -> Self {
        Self::at(system_time())
    }
}

/// The system's clock. One before 1970 shows 1970: it is wrong in any case.
#[cfg(feature = "std")]
pub(super) fn system_time() -> Duration {
    use std::time::{SystemTime, UNIX_EPOCH};
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

impl Protocol for Daytime {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        transport.write(line(self.since_1970).as_bytes());
        transport.lose_connection();
    }

    fn data_received(&mut self, _transport: &Rc<dyn Transport>, _data: &[u8]) {}
}

const WEEKDAYS: [&str; 7] =
    ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAY: u64 = 24 * 60 * 60;

/// The RFC's first form: `Tuesday, February 22, 1982 17:37:43-UTC`.
fn line(since_1970: Duration) -> String {
    let (days, second) = (since_1970.as_secs() / DAY, since_1970.as_secs() % DAY);
    let date = Date::from_days(days);
    let weekday = WEEKDAYS[(days % 7) as usize];
    let month = MONTHS[date.month];
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let Date { year, day, .. } = date;
    format!("{weekday}, {month} {day}, {year} {hour:02}:{minute:02}:{second:02}-UTC\r\n")
}

/// A date of the Gregorian calendar; months count from 0, days from 1.
#[derive(Debug, PartialEq, Eq)]
struct Date {
    year: u64,
    month: usize,
    day: u64,
}

impl Date {
    /// The date `days` days after 1 January 1970.
    ///
    /// Years are counted from 1 March, so that the odd day is a year's last, and in eras of 400
    /// years, which all have the same number of days.
    fn from_days(days: u64) -> Self {
        const ERA: u64 = 400 * 365 + 97;
        // From 1 March of the year 0 to 1 January 1970.
        let days = days + 719_468;
        let (era, day) = (days / ERA, days % ERA);
        let year = (day - day / 1460 + day / 36_524 - day / (ERA - 1)) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        // From March on, months of 31 and 30 days alternate such that five have 153.
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let (month, next) = if month < 10 { (month + 2, 0) } else { (month - 10, 1) };
        Self { year: era * 400 + year + next, month: month as usize, day }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments_are_written_as_the_rfc_wants_them() {
        let at = |seconds| line(Duration::from_secs(seconds));
        assert_eq!(at(0), "Thursday, January 1, 1970 00:00:00-UTC\r\n");
        // The RFC's own example, which was a Monday.
        assert_eq!(at(383_247_463), "Monday, February 22, 1982 17:37:43-UTC\r\n");
        assert_eq!(at(951_827_696), "Tuesday, February 29, 2000 12:34:56-UTC\r\n");
        assert_eq!(at(2_147_483_647), "Tuesday, January 19, 2038 03:14:07-UTC\r\n");
        assert_eq!(at(4_107_542_399), "Sunday, February 28, 2100 23:59:59-UTC\r\n");
        assert_eq!(at(4_107_542_400), "Monday, March 1, 2100 00:00:00-UTC\r\n");
    }

    #[test]
    fn every_day_of_a_thousand_years_follows_the_one_before() {
        let length = |year: u64, month: usize| match month {
            1 if year.is_multiple_of(4)
                && (!year.is_multiple_of(100) || year.is_multiple_of(400)) =>
            {
                29
            }
            1 => 28,
            3 | 5 | 8 | 10 => 30,
            _ => 31,
        };
        let mut expected = Date { year: 1970, month: 0, day: 1 };
        for days in 0..365_242 {
            assert_eq!(Date::from_days(days), expected, "day {days}");
            expected.day += 1;
            if expected.day > length(expected.year, expected.month) {
                (expected.day, expected.month) = (1, expected.month + 1);
            }
            if expected.month == 12 {
                (expected.month, expected.year) = (0, expected.year + 1);
            }
        }
    }

    #[test]
    fn no_clock_can_break_it() {
        assert!(line(Duration::MAX).ends_with("-UTC\r\n"));
    }
}
