//! Shrinking: from the choices of a failing run to the fewest that still make it fail.
//!
//! Invariant: what is returned was run, and failed.

use std::time::{Duration, Instant};

use crate::simulated::choices::{ChoiceId, Kept};

/// How many runs, and how much time, a failure is worth.
const TRIES_MAX: usize = 2000;
const TIME_MAX: Duration = Duration::from_secs(20);

/// Finds fewer choices, with smaller answers, for which `fails` is `Some`: the choices that the run made of
/// them. Returns them and how many runs it took.
pub(super) fn shrink(first: Kept, mut fails: impl FnMut(&Kept) -> Option<Kept>) -> (Kept, usize) {
    let mut search =
        Search { best: first, tries: 0, end: Instant::now() + TIME_MAX, fails: &mut fails };
    loop {
        let before = search.best.clone();
        search.without_kinds();
        search.without_pieces();
        search.with_smaller_answers();
        if search.best == before || search.is_over() {
            return (search.best, search.tries);
        }
    }
}

struct Search<'a> {
    best: Kept,
    tries: usize,
    end: Instant,
    fails: &'a mut dyn FnMut(&Kept) -> Option<Kept>,
}

impl Search<'_> {
    fn is_over(&self) -> bool {
        self.tries >= TRIES_MAX || Instant::now() > self.end
    }

    /// Tries these choices; keeps them if the run still fails.
    fn try_with(&mut self, kept: Kept) -> bool {
        if self.is_over() {
            return false;
        }
        self.tries += 1;
        let Some(made) = (self.fails)(&kept) else { return false };
        // A run that ended earlier left some of them unasked.
        self.best = made;
        true
    }

    /// Leaves out all choices of a kind.
    fn without_kinds(&mut self) {
        if self.try_with(Kept::new()) {
            return;
        }
        let mut kinds: Vec<_> = self.best.keys().map(|(kind, _)| *kind).collect();
        kinds.dedup();
        for kind in kinds {
            let rest = self.best.iter().filter(|((of, _), _)| *of != kind);
            let rest: Kept = rest.map(|(id, answer)| (*id, *answer)).collect();
            if rest.len() < self.best.len() {
                self.try_with(rest);
            }
        }
    }

    /// Leaves out pieces of the list, from halves down to single choices.
    fn without_pieces(&mut self) {
        let mut size = self.best.len().div_ceil(2);
        while size > 0 && !self.is_over() {
            let mut start = 0;
            while start < self.best.len() && !self.is_over() {
                let outside = |place: usize| place < start || place >= start + size;
                let rest = self.best.iter().enumerate().filter(|(place, _)| outside(*place));
                let rest: Kept = rest.map(|(_, (id, answer))| (*id, *answer)).collect();
                if !self.try_with(rest) {
                    start += size;
                }
            }
            size = if size == 1 { 0 } else { size / 2 };
        }
    }

    /// Halves the answers, and then takes one off.
    fn with_smaller_answers(&mut self) {
        let ids: Vec<ChoiceId> = self.best.keys().copied().collect();
        for id in ids {
            while let Some(answer) = self.best.get(&id).copied().filter(|answer| *answer > 1) {
                if !self.try_answer(id, answer / 2) && !self.try_answer(id, answer - 1) {
                    break;
                }
            }
        }
    }

    fn try_answer(&mut self, id: ChoiceId, answer: u64) -> bool {
        if self.is_over() {
            return false;
        }
        let mut kept = self.best.clone();
        kept.insert(id, answer);
        self.try_with(kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulated::ChoiceKind;

    #[test]
    fn two_choices_that_fail_together_are_all_that_is_left_of_a_thousand() {
        let kinds = [ChoiceKind::ShortRead, ChoiceKind::Stall, ChoiceKind::Reset, ChoiceKind::Test];
        let id = |number: u32| (kinds[number as usize % 4], number);
        let first: Kept = (0..1000).map(|number| (id(number), 100)).collect();
        let needed = [id(17), id(778)];
        let fails = |kept: &Kept| {
            let has = |id| kept.get(id).is_some_and(|answer| *answer >= 3);
            needed.iter().all(has).then(|| kept.clone())
        };
        let (shrunk, tries) = shrink(first, fails);
        assert_eq!(shrunk, needed.iter().map(|id| (*id, 3)).collect());
        assert!(tries < 200, "{tries}");
    }

    #[test]
    fn a_run_that_fails_without_any_choice_needs_one_try() {
        let first: Kept = (0..9).map(|number| ((ChoiceKind::Test, number), 1)).collect();
        let (shrunk, tries) = shrink(first, |kept| Some(kept.clone()));
        assert_eq!((shrunk.len(), tries), (0, 2));
    }
}
