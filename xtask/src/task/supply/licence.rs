//! Licence expressions as manifests have them (SPDX), and which of them allow what this workspace does.
//!
//! Invariant: what is not understood is not allowed.

/// The licences under which a dependency may be used, by their SPDX names. None of them asks more than that its
/// text and its copyright notice stay with it.
pub(super) const ALLOWED: [&str; 10] = [
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Whether an expression of licences can be met with the allowed ones.
pub(super) fn is_allowed(expression: &str) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut words = spaced.split_whitespace().peekable();
    either(&mut words) == Some(true) && words.next().is_none()
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

/// `A OR B`; `None` for what is no expression.
fn either(words: &mut Words<'_>) -> Option<bool> {
    let mut is_met = both(words)?;
    while words.next_if_eq(&"OR").is_some() {
        is_met |= both(words)?;
    }
    Some(is_met)
}

/// `A AND B`, which binds closer.
fn both(words: &mut Words<'_>) -> Option<bool> {
    let mut is_met = one(words)?;
    while words.next_if_eq(&"AND").is_some() {
        is_met &= one(words)?;
    }
    Some(is_met)
}

/// A name, perhaps with an exception, which only allows more; or an expression in parentheses.
fn one(words: &mut Words<'_>) -> Option<bool> {
    match words.next()? {
        "(" => {
            let is_met = either(words)?;
            words.next_if_eq(&")").map(|_| is_met)
        }
        ")" | "OR" | "AND" | "WITH" => None,
        name => {
            if words.next_if_eq(&"WITH").is_some() {
                words.next()?;
            }
            Some(ALLOWED.contains(&name))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_several_is_enough_and_all_of_several_are_needed() {
        for allowed in [
            "MIT",
            "MIT/Apache-2.0",
            "MIT OR GPL-3.0-only",
            "GPL-3.0-only OR MIT",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception",
            "ISC AND (Apache-2.0 OR GPL-2.0-only)",
        ] {
            assert!(is_allowed(allowed), "{allowed}");
        }
        for refused in [
            "",
            "GPL-3.0-only",
            "MIT AND GPL-3.0-only",
            "MIT OR",
            "OR MIT",
            "(MIT",
            "MIT)",
            "MIT Apache-2.0",
            "GPL-3.0-only AND (MIT OR ISC)",
            "GPL-3.0-only OR MIT AND MPL-2.0",
            "MIT WITH",
        ] {
            assert!(!is_allowed(refused), "{refused}");
        }
    }
}
