//! [`RunToken`]: the name of one run, by which it is run again.
//!
//! `7` is all that seed 7 draws. `7:short-read.3=1,test.0=5` is seed 7 with these two choices alone: the fourth
//! chance of a short read moves one byte, the first choice of the test is 5, and every other choice has its
//! plain answer.
//!
//! Invariant: a token that was written is read as the same one.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

use crate::simulated::ChoiceKind;
use crate::simulated::choices::Kept;

/// The name of one run of a simulation: a seed, and perhaps the choices that are kept of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunToken {
    pub(super) seed: u64,
    pub(super) kept: Option<Kept>,
}

/// A text that is no token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenError {
    text: String,
    problem: String,
}

impl Error for TokenError {}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { text, problem } = self;
        let form = "SEED, or SEED:KIND.NUMBER=ANSWER,…";
        write!(f, "cannot read the token {text:?}: {problem}; a token is {form}")
    }
}

impl RunToken {
    /// Everything that a seed draws.
    pub fn of_seed(seed: u64) -> Self {
        Self { seed, kept: None }
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// How many choices have another than the plain answer; `None` where all are drawn.
    pub fn choices(&self) -> Option<usize> {
        self.kept.as_ref().map(Kept::len)
    }
}

impl fmt::Display for RunToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.seed)?;
        let Some(kept) = &self.kept else { return Ok(()) };
        let mut separator = ':';
        if kept.is_empty() {
            return f.write_str(":");
        }
        for ((kind, number), answer) in kept {
            write!(f, "{separator}{kind}.{number}={answer}")?;
            separator = ',';
        }
        Ok(())
    }
}

impl FromStr for RunToken {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        let wrong = |problem: String| TokenError { text: text.to_owned(), problem };
        let (seed, kept) = match text.trim().split_once(':') {
            None => (text.trim(), None),
            Some((seed, kept)) => (seed, Some(kept)),
        };
        let seed = seed.parse().map_err(|_| wrong(format!("{seed:?} is no seed")))?;
        let read = |kept: &str| kept.split(',').filter(|it| !it.is_empty()).map(choice).collect();
        let kept = kept.map(read).transpose().map_err(wrong)?;
        Ok(Self { seed, kept })
    }
}

/// `KIND.NUMBER=ANSWER`.
fn choice(text: &str) -> Result<((ChoiceKind, u32), u64), String> {
    let no_choice = || format!("{text:?} is no choice");
    let (id, answer) = text.split_once('=').ok_or_else(no_choice)?;
    let (name, number) = id.split_once('.').ok_or_else(no_choice)?;
    let kind = ChoiceKind::of_name(name).ok_or_else(|| format!("there is no choice {name:?}"))?;
    let number = number.parse().map_err(|_| no_choice())?;
    let answer = answer.parse().map_err(|_| no_choice())?;
    Ok(((kind, number), answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_it_was_written() {
        for text in ["7", "0:", "18446744073709551615:short-read.3=1,test.0=5"] {
            assert_eq!(text.parse::<RunToken>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_wrong_token_says_what_is_wrong() {
        let problem = |text: &str| text.parse::<RunToken>().unwrap_err().to_string();
        assert!(problem("").contains("\"\" is no seed"), "{}", problem(""));
        assert!(problem("7:reset").contains("\"reset\" is no choice"));
        assert!(problem("7:wind.1=1").contains("there is no choice \"wind\""));
        assert!(problem("-1").contains("SEED:KIND.NUMBER=ANSWER"));
    }
}
