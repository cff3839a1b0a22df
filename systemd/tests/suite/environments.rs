//! Random environments mean what they were made to mean, whatever else they hold.
//!
//! Each environment is put together from parts whose meaning is known, so the expected answer is known
//! without the code under test. Invariant: the seed is in the message of a test that fails;
//! `ROPEWALK_FUZZ_SECONDS` makes a test go on for so long with new seeds.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::time::{Duration, Instant};

use ropewalk_systemd as systemd;
use systemd::{Announcement, LISTEN_FDS_MAX, ListenFdsError, Notifier, NotifyError, Watchdog};
use testkit::Dice;

const PID: u32 = 4242;

/// Runs the claim for many seeds.
fn for_seeds(claim: impl Fn(&Dice)) {
    let seconds = std::env::var("ROPEWALK_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
    let end = Instant::now() + Duration::from_secs(seconds.unwrap_or(0));
    let mut seed = 0;
    while seed < 20_000 || Instant::now() < end {
        let claims = || claim(&Dice::new(seed));
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(claims));
        assert!(outcome.is_ok(), "seed {seed}");
        seed += 1;
    }
}

fn one_of<'a>(dice: &Dice, texts: &[&'a [u8]]) -> &'a [u8] {
    texts[dice.below(texts.len())]
}

/// Up to `length` bytes of any value but NUL, which no environment has.
fn junk(dice: &Dice, length: usize) -> Vec<u8> {
    let byte = |()| u8::try_from(1 + dice.below(255)).unwrap();
    vec![(); dice.below(length + 1)].into_iter().map(byte).collect()
}

/// A name of printable ASCII without a colon.
fn name(dice: &Dice) -> String {
    let letters: Vec<char> = (' '..='~').filter(|letter| *letter != ':').collect();
    vec![(); dice.below(12)].iter().map(|()| letters[dice.below(letters.len())]).collect()
}

type Variables = BTreeMap<&'static str, OsString>;

fn read(variables: &Variables) -> Result<Vec<String>, ListenFdsError> {
    Announcement::from_variables(PID, |name| variables.get(name).cloned())
        .map(|announcement| announcement.names().to_vec())
}

/// A count, and what it means; `None` is that it is wrong.
fn count(dice: &Dice) -> (Vec<u8>, Option<usize>) {
    let number = dice.below(6);
    let digits = format!("{}{number}", "0".repeat(dice.below(3))).into_bytes();
    let wrong: &[&[u8]] = &[b"", b"-1", b"+3", b" 3", b"3 ", b"3\n", b"0x3", b"4097", b"three"];
    let huge: &[&[u8]] = &[b"2147483648", b"4294967297", b"18446744073709551617", b"\xd9\xa3"];
    match dice.below(4) {
        0 | 1 => (digits, Some(number)),
        2 => (one_of(dice, wrong).to_vec(), None),
        _ => (one_of(dice, huge).to_vec(), None),
    }
}

#[test]
fn a_right_environment_gives_every_printable_name_in_order() {
    for_seeds(|dice| {
        let names: Vec<String> = (0..1 + dice.below(10)).map(|_| name(dice)).collect();
        let mut variables = Variables::from([
            ("LISTEN_PID", PID.to_string().into()),
            ("LISTEN_FDS", names.len().to_string().into()),
            ("LISTEN_FDNAMES", names.join(":").into()),
        ]);
        variables.insert("LISTEN_FD", OsString::from_vec(junk(dice, 8)));
        assert_eq!(read(&variables), Ok(names));
    });
}

#[test]
fn an_environment_of_any_parts_means_what_its_parts_mean() {
    for_seeds(|dice| {
        let mut variables = Variables::new();
        let others: &[&[u8]] =
            &[b"", b"1", b"04242", b" 4242", b"4242 ", b"+4242", b"4242\n", b"\xff"];
        let is_own = !dice.one_in(4);
        let pid = if is_own { b"4242" } else { one_of(dice, others) };
        variables.insert("LISTEN_PID", OsStr::from_bytes(pid).into());
        let (text, number) = count(dice);
        variables.insert("LISTEN_FDS", OsString::from_vec(text.clone()));
        let names: Vec<String> = (0..1 + dice.below(6)).map(|_| name(dice)).collect();
        match dice.below(4) {
            0 => {}
            1 => drop(variables.insert("LISTEN_FDNAMES", OsString::from_vec(b"a:\xff".to_vec()))),
            _ => drop(variables.insert("LISTEN_FDNAMES", names.join(":").into())),
        }
        let text = String::from_utf8_lossy(&text).into_owned();
        let expected = match (is_own, number, variables.get("LISTEN_FDNAMES")) {
            (false, ..) | (true, Some(0), _) => Ok(vec![]),
            (true, None, _) => Err(ListenFdsError::Count { text }),
            (true, Some(count), None) => Ok(vec!["unknown".into(); count]),
            (true, Some(_), Some(given)) if given.to_str().is_none() => {
                Err(ListenFdsError::NamesNotText)
            }
            (true, Some(count), Some(_)) if count == names.len() => Ok(names),
            (true, Some(descriptors), Some(_)) => {
                Err(ListenFdsError::NamesMismatch { descriptors, names: names.len() })
            }
        };
        assert_eq!(read(&variables), expected, "{variables:?}");
    });
}

#[test]
fn bytes_without_a_meaning_never_pass_the_bound() {
    for_seeds(|dice| {
        let mut variables = Variables::from([("LISTEN_PID", OsString::from("4242"))]);
        let digits = dice.next_u64().to_string()[..1 + dice.below(8)].to_owned();
        let count = if dice.one_in(2) { digits.into_bytes() } else { junk(dice, 8) };
        variables.insert("LISTEN_FDS", OsString::from_vec(count));
        variables.insert("LISTEN_FDNAMES", OsString::from_vec(junk(dice, 64)));
        if dice.one_in(2) {
            variables.remove("LISTEN_FDNAMES");
        }
        if let Ok(names) = read(&variables) {
            assert!(names.len() <= LISTEN_FDS_MAX as usize);
        }
    });
}

#[test]
fn an_address_of_a_manager_is_taken_or_quoted() {
    for_seeds(|dice| {
        let mut text = one_of(dice, &[b"/", b"@", b"", b"vsock:", b"./", b"\0"]).to_vec();
        text.extend(junk(dice, 120));
        let address = OsStr::from_bytes(&text);
        let right = matches!(text[..], [b'/' | b'@', _, ..]) && text.len() <= 108;
        // An abstract name has its `@` in place of the NUL, and a path one NUL more.
        let right = right && (text[0] == b'@' || text.len() <= 107);
        match Notifier::new(address) {
            Ok(_) => assert!(right, "{address:?}"),
            Err(error) => {
                let text = address.to_string_lossy().into_owned();
                assert_eq!((right, error), (false, NotifyError::Address { text }));
            }
        }
    });
}

#[test]
fn an_interval_is_a_whole_number_of_microseconds_or_quoted() {
    for_seeds(|dice| {
        let number = dice.next_u64() >> dice.below(64);
        let (text, right) = match dice.below(3) {
            0 => (number.to_string(), (1..u64::MAX).contains(&number)),
            1 => (format!("{number}{}", ["s", " ", ".0", "-"][dice.below(4)]), false),
            _ => (format!("{}{number}", [" ", "-", "+", "0x"][dice.below(4)]), false),
        };
        let variable = |name: &str| (name == "WATCHDOG_USEC").then(|| text.clone().into());
        let expected = if right {
            Ok(Some(Duration::from_micros(number)))
        } else {
            Err(NotifyError::WatchdogInterval { text: text.clone() })
        };
        assert_eq!(Watchdog::interval(PID, variable), expected);
    });
}
