//! The known name that is nearest to a mistyped one.
//!
//! Invariant: a proposed name is at most two edits away from the given one.

use alloc::string::String;
use alloc::vec::Vec;

/// The most edits between the given and the proposed name.
const DISTANCE_MAX: usize = 2;

/// The characters of a given name that are compared; a known name has fewer.
const COMPARED_MAX: usize = 256;

/// The known name that is nearest to `given`; of equally near ones the first. Case does not count.
pub(crate) fn nearest<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let given = given.chars().flat_map(char::to_lowercase).take(COMPARED_MAX);
    let given: Vec<char> = given.collect();
    let mut best: Option<(usize, &str)> = None;
    for name in known {
        let letters: Vec<char> = name.chars().flat_map(char::to_lowercase).collect();
        let longer = letters.len().max(given.len());
        // Far longer texts cannot be near, and are not worth comparing.
        if longer > letters.len() + DISTANCE_MAX {
            continue;
        }
        let distance = distance(&given, &letters);
        let near = distance <= DISTANCE_MAX && distance < longer;
        if near && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, name));
        }
    }
    best.map(|(_, name)| name)
}

/// The number of letters to insert, leave out, replace, or swap with their neighbour (optimal
/// string alignment).
fn distance(from: &[char], to: &[char]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for row in 1..=from.len() {
        let mut current = Vec::with_capacity(last.len());
        current.push(row);
        for column in 1..=to.len() {
            let same = from[row - 1] == to[column - 1];
            let replaced = last[column - 1] + usize::from(!same);
            let mut least = replaced.min(last[column] + 1).min(current[column - 1] + 1);
            let swapped = row > 1
                && column > 1
                && from[row - 1] == to[column - 2]
                && from[row - 2] == to[column - 1];
            if swapped {
                least = least.min(before_last[column - 2] + 1);
            }
            current.push(least);
        }
        before_last = core::mem::replace(&mut last, current);
    }
    last[to.len()]
}

/// The names, each in backquotes, separated by commas.
pub(crate) fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut list = String::new();
    for name in names {
        if !list.is_empty() {
            list.push_str(", ");
        }
        list.push('`');
        list.push_str(name);
        list.push('`');
    }
    list
}
