//! [`Caution`]: how the next call of sendmmsg(2) is cut, after what the system has answered to the last ones.
//!
//! Invariant: a datagram that was refused in a run is sent alone before the system's cutting is blamed.

use crate::buffers::datagrams::RUNS_MAX;

/// What the system's last answers ask of the next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Caution {
    /// How many runs it has: one behind a failure, and twice as many behind each success, so that a row of
    /// datagrams that are refused is not cut into runs over and over.
    pub(super) runs_max: usize,
    /// How many of the first datagrams go one by one, as their run was refused.
    pub(super) single: usize,
    /// The size of that run's datagrams, until the first of them has gone alone.
    pub(super) doubted: Option<u16>,
}

impl Caution {
    pub(super) const NONE: Self = Self { runs_max: RUNS_MAX, single: 0, doubted: None };

    /// The system has taken `runs` runs of `offered` at most, with `datagrams` datagrams; `waiting` wait.
    pub(super) fn after_success(
        self,
        runs: usize,
        datagrams: usize,
        offered: usize,
        waiting: usize,
    ) -> Self {
        let stopped_early = runs < offered && waiting > 0;
        let runs_max = if stopped_early { 1 } else { (self.runs_max * 2).min(RUNS_MAX) };
        // Those that are taken alone were refused for the run's sake, and need go alone no longer.
        let single = match self.doubted {
            Some(_) => 0,
            None => self.single.saturating_sub(datagrams).min(waiting),
        };
        Self { runs_max, single, doubted: None }
    }

    /// The first datagram is refused for its own sake, or its run for another reason than that it is one.
    pub(super) fn after_failure(self, RefusedRun { datagrams, segment }: RefusedRun) -> Self {
        let of_run = segment.map_or(self.single, |_| datagrams);
        Self { runs_max: 1, single: of_run.saturating_sub(1), doubted: None }
    }

    /// A run is refused, which may be its first datagram's fault.
    pub(super) fn after_doubt(RefusedRun { datagrams, segment }: RefusedRun) -> Self {
        Self { runs_max: 1, single: datagrams, doubted: segment }
    }
}

/// A run that the system has refused.
#[derive(Clone, Copy, Debug)]
pub(super) struct RefusedRun {
    /// How many datagrams it has.
    pub(super) datagrams: usize,
    /// Their size, if there are several.
    pub(super) segment: Option<u16>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One datagram, or a run of several.
    fn refused(datagrams: usize) -> RefusedRun {
        RefusedRun { datagrams, segment: (datagrams > 1).then_some(10) }
    }

    #[test]
    fn a_row_of_refused_datagrams_is_offered_one_run_at_a_time() {
        let mut caution = Caution::NONE;
        for _ in 0..100 {
            caution = caution.after_failure(refused(1));
            assert_eq!(caution, Caution { runs_max: 1, ..Caution::NONE });
        }
        for runs_max in [2, 4, 8, 16, 32, 32] {
            caution =
                caution.after_success(caution.runs_max, caution.runs_max, caution.runs_max, 9);
            assert_eq!(caution.runs_max, runs_max);
        }
        // Behind what was taken stands one that will be refused.
        assert_eq!(caution.after_success(3, 3, RUNS_MAX, 9).runs_max, 1);
        assert_eq!(caution.after_success(3, 3, RUNS_MAX, 0), Caution::NONE);
    }

    #[test]
    fn a_refused_run_goes_one_by_one_as_far_as_its_datagrams_are_refused_too() {
        let doubt = Caution::after_doubt(refused(5));
        assert_eq!(doubt, Caution { runs_max: 1, single: 5, doubted: Some(10) });
        let fault_of_the_first = doubt.after_failure(refused(1));
        assert_eq!(fault_of_the_first, Caution { runs_max: 1, single: 4, doubted: None });
        let later = fault_of_the_first.after_success(1, 1, 1, 9);
        assert_eq!(later, Caution { runs_max: 2, single: 3, doubted: None });
        let fault_of_the_run = doubt.after_success(1, 1, 1, 9);
        assert_eq!(fault_of_the_run, Caution { runs_max: 2, single: 0, doubted: None });
        assert_eq!(Caution::NONE.after_failure(refused(64)).single, 63);
    }
}
