//! Daytime (RFC 867): the date and time as one line; Twisted's `wire.Daytime`.
//!
//! Invariant: the time is UTC and the calendar Gregorian, for every second that a `Duration` since
//! 1970 can count in years of four digits and beyond.

use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use core::time::Duration;

use interfaces::{Protocol, Transport};

use super::Date;

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
    let month = MONTHS[date.month - 1];
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let Date { year, day, .. } = date;
    format!("{weekday}, {month} {day}, {year} {hour:02}:{minute:02}:{second:02}-UTC\r\n")
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
    fn no_clock_can_break_it() {
        assert!(line(Duration::MAX).ends_with("-UTC\r\n"));
    }
}
