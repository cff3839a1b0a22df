//! Goals: bounds of our figures, most of them relative to a peer's in the same run.
//!
//! Invariant: a goal whose peer was not measured is neither met nor missed.

use super::publish::short;
use super::trial::Peer;

/// The bound of a figure.
#[derive(Clone, Copy, Debug)]
pub(super) enum Goal {
    /// At most this multiple of the peer's figure.
    AtMost(f64, Peer),
    /// At least this multiple of the peer's figure.
    AtLeast(f64, Peer),
    /// At most this, in the figure's unit.
    Within(f64),
    /// Shown beside the peer's figure, without a bound.
    Beside(Peer),
}

/// The judgement on a goal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Judgement {
    /// Our figure divided by the peer's or the bound, and whether the goal is met.
    Measured { ratio: f64, met: bool },
    /// Our figure divided by the peer's.
    Shown { ratio: f64 },
    /// One of the two was not measured.
    Unknown,
}

impl Goal {
    /// Judges our figure; `of` returns the peers'.
    pub(super) fn judge(&self, ours: Option<f64>, of: impl Fn(Peer) -> Option<f64>) -> Judgement {
        let Some(ours) = ours else { return Judgement::Unknown };
        let measured = |against: f64, met: fn(f64, f64) -> bool, bound: f64| {
            let ratio = ours / against;
            Judgement::Measured { ratio, met: met(ratio, bound) }
        };
        match *self {
            Self::AtMost(bound, peer) => {
                of(peer).map_or(Judgement::Unknown, |it| measured(it, |a, b| a <= b, bound))
            }
            Self::AtLeast(bound, peer) => {
                of(peer).map_or(Judgement::Unknown, |it| measured(it, |a, b| a >= b, bound))
            }
            Self::Within(bound) => measured(bound, |a, b| a <= b, 1.0),
            Self::Beside(peer) => {
                of(peer).map_or(Judgement::Unknown, |it| Judgement::Shown { ratio: ours / it })
            }
        }
    }

    /// The goal in words.
    pub(super) fn text(&self, unit: &str) -> String {
        match self {
            Self::AtMost(bound, peer) => format!("at most {} x {peer}", short(*bound)),
            Self::AtLeast(bound, peer) => format!("at least {} x {peer}", short(*bound)),
            Self::Within(bound) => format!("at most {bound} {unit}"),
            Self::Beside(peer) => format!("none beside {peer}"),
        }
    }

    /// The peer of the comparison.
    pub(super) fn peer(&self) -> Option<Peer> {
        match self {
            Self::AtMost(_, peer) | Self::AtLeast(_, peer) | Self::Beside(peer) => Some(peer),
            Self::Within(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_met_at_its_bound_and_missed_beyond() {
        let judge = |goal: Goal, ours| goal.judge(Some(ours), |_| Some(100.0));
        let met = |ratio, met| Judgement::Measured { ratio, met };
        assert_eq!(judge(Goal::AtMost(0.5, "tokio"), 50.0), met(0.5, true));
        assert_eq!(judge(Goal::AtMost(0.5, "tokio"), 75.0), met(0.75, false));
        assert_eq!(judge(Goal::AtLeast(20.0, "kernel"), 1900.0), met(19.0, false));
        assert_eq!(judge(Goal::Within(200.0), 100.0), met(0.5, true));
        assert_eq!(judge(Goal::Beside("tokio"), 300.0), Judgement::Shown { ratio: 3.0 });
        assert_eq!(Goal::AtMost(1.0, "tokio").judge(Some(1.0), |_| None), Judgement::Unknown);
    }
}
