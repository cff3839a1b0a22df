//! The Gregorian calendar in UTC.
//!
//! Invariant: it is right for every day that a `Duration` since 1970 can count.

/// A date, also for the lines of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    /// The year.
    pub year: u64,
    /// The month, from 1 to 12.
    pub month: usize,
    /// The day of the month, from 1.
    pub day: u64,
}

impl Date {
    /// The date `days` days after 1 January 1970; any number that a `Duration` has in its seconds.
    ///
    /// Years are counted from 1 March, so that the odd day is a year's last, and in eras of 400
    /// years, which all have the same number of days.
    pub fn from_days(days: u64) -> Self {
        const ERA: u64 = 400 * 365 + 97;
        // From 1 March of the year 0 to 1 January 1970.
        let days = days + 719_468;
        let (era, day) = (days / ERA, days % ERA);
        let year = (day - day / 1460 + day / 36_524 - day / (ERA - 1)) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        // From March on, months of 31 and 30 days alternate such that five have 153.
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
        Self { year: era * 400 + year + next, month: month as usize, day }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_a_thousand_years_follows_the_one_before() {
        let length = |year: u64, month: usize| match month {
            2 if year.is_multiple_of(4)
                && (!year.is_multiple_of(100) || year.is_multiple_of(400)) =>
            {
                29
            }
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        let mut expected = Date { year: 1970, month: 1, day: 1 };
        for days in 0..365_242 {
            assert_eq!(Date::from_days(days), expected, "day {days}");
            expected.day += 1;
            if expected.day > length(expected.year, expected.month) {
                (expected.day, expected.month) = (1, expected.month + 1);
            }
            if expected.month == 13 {
                (expected.month, expected.year) = (1, expected.year + 1);
            }
        }
    }
}
