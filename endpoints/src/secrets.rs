//! Passwords in endpoint strings: a text that is shown has stars in their place.
//!
//! Invariant: what is shown has as many characters as the string, so that columns stay, and none of a password, at
//! whatever depth of strings inside of strings it stands, and however the string is broken.

use alloc::string::String;
use core::ops::Range;

/// The options whose values are not shown.
const SECRETS: [&str; 1] = ["password"];

/// The sign in the place of each character.
const STAR: char = '*';

/// The text with stars in the place of passwords.
pub(crate) fn without_secrets(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(found) = first(rest) {
        shown.push_str(&rest[..found.start]);
        shown.extend(rest[found.clone()].chars().map(|_| STAR));
        rest = &rest[found.end..];
    }
    shown + rest
}

/// As [`without_secrets`], and where a part of the text stands in it.
pub(crate) fn without_secrets_at(text: &str, span: &Range<usize>) -> (String, Range<usize>) {
    let shown = without_secrets(text);
    let moved = |offset: usize| {
        let characters = text.get(..offset).unwrap_or(text).chars().count();
        shown.char_indices().nth(characters).map_or(shown.len(), |(offset, _)| offset)
    };
    let span = moved(span.start)..moved(span.end);
    (shown, span)
}

/// The first value of a secret option.
fn first(text: &str) -> Option<Range<usize>> {
    SECRETS.iter().filter_map(|name| value_of(text, name)).min_by_key(|found| found.start)
}

/// The first value of this option. An option of a string inside of another one has backslashes before its `=`, and
/// its value ends at a colon with as many before it, or fewer.
fn value_of(text: &str, name: &str) -> Option<Range<usize>> {
    for (place, _) in text.match_indices(name) {
        let is_name = text[..place].chars().next_back().is_none_or(|before| before == ':');
        let behind = &text[place + name.len()..];
        let depth = backslashes(behind);
        if !is_name || !behind[depth..].starts_with('=') {
            continue;
        }
        let start = place + name.len() + depth + 1;
        let length = length_of(&text[start..], depth);
        if length > 0 {
            return Some(start..start + length);
        }
    }
    None
}

/// The bytes up to the colon that ends a value at this depth.
fn length_of(value: &str, depth: usize) -> usize {
    let mut escapes = 0;
    for (place, character) in value.char_indices() {
        match character {
            ':' if escapes <= depth => return place - escapes,
            '\\' => escapes += 1,
            _ => escapes = 0,
        }
    }
    value.len()
}

fn backslashes(text: &str) -> usize {
    text.bytes().take_while(|byte| *byte == b'\\').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_character_of_a_password_is_a_star() {
        let cases = [
            ("tcp:80", "tcp:80"),
            ("socks5:password=geheim:tcp:a:1", "socks5:password=******:tcp:a:1"),
            (r"a:password=b\:c:d", "a:password=****:d"),
            ("password=x", "password=*"),
            ("a:password=:password=y", "a:password=:password=*"),
            ("a:apassword=x:passwords=y", "a:apassword=x:passwords=y"),
            (
                r"tls:h:1:endpoint=socks5\:password\=s\\\:t\:tcp:roots=public",
                r"tls:h:1:endpoint=socks5\:password\=******\:tcp:roots=public",
            ),
            ("a:password=x=\\", "a:password=***"),
        ];
        for (text, shown) in cases {
            assert_eq!(without_secrets(text), shown, "{text}");
        }
    }

    #[test]
    fn a_place_behind_a_password_is_moved_with_it() {
        let text = "a:password=üü:wrong";
        let place = text.find("wrong").unwrap_or_default();
        let (shown, span) = without_secrets_at(text, &(place..text.len()));
        assert_eq!((&*shown, &shown[span]), ("a:password=**:wrong", "wrong"));
        let (shown, end) = without_secrets_at(text, &(text.len()..text.len()));
        assert_eq!(end, shown.len()..shown.len());
    }
}
