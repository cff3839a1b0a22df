//! Limits the lines of each kind: a few in full, then one count a second.
//!
//! Invariant: a kind has at most [`IN_FULL`] lines in its first second, and one in each second that
//! follows, until a second passes without a line left out; and every line left out is counted in a
//! line that is told.
//!
//! ```text
//!           line: told                     IN_FULL lines
//!  Quiet ───────────────▶ room for more ────────────────▶ counting ──┐ each second: the count
//!    ▲                        │    ▲                         │   ▲───┘
//!    └────room is IN_FULL─────┘    └──a second without one───┘
//! ```

use std::collections::BTreeMap;
use std::mem;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use interfaces::ReactorTime;

use super::Kind;

/// How many lines of a kind are told in full before they are counted.
const IN_FULL: u32 = 5;

/// The time between two counts.
const SECOND: Duration = Duration::from_secs(1);

/// Passes lines on, or counts them.
pub(crate) struct Limiter {
    clock: Rc<dyn ReactorTime>,
    repetitions: Repetitions,
    tell: Box<dyn Fn(Kind, String)>,
}

/// What the limiters of several threads count together; a clone is the same.
#[derive(Clone, Default)]
pub(crate) struct Repetitions(Arc<Mutex<BTreeMap<Kind, Repeats>>>);

impl Repetitions {
    /// Nothing under the lock calls out.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Kind, Repeats>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The lines of one kind in the current second; absent for a quiet kind.
struct Repeats {
    /// How many more are told in full.
    room: u32,
    left_out: u64,
    last: String,
}

impl Limiter {
    /// Gives `tell` the lines and the counts of what these repetitions are shared by.
    pub(crate) fn sharing(
        clock: impl ReactorTime + 'static,
        tell: impl Fn(Kind, String) + 'static,
        repetitions: &Repetitions,
    ) -> Rc<Self> {
        let (clock, repetitions) = (Rc::new(clock), repetitions.clone());
        Rc::new(Self { clock, repetitions, tell: Box::new(tell) })
    }

    /// Gives `tell` the lines and the counts of one thread.
    #[cfg(test)]
    pub(crate) fn new(
        clock: impl ReactorTime + 'static,
        tell: impl Fn(Kind, String) + 'static,
    ) -> Rc<Self> {
        Self::sharing(clock, tell, &Repetitions::default())
    }

    /// Tells the line, or counts it.
    pub(crate) fn line(self: &Rc<Self>, kind: Kind, line: String) {
        let mut kinds = self.repetitions.lock();
        let is_quiet = !kinds.contains_key(&kind);
        let told = kinds.entry(kind).or_insert_with(Repeats::new).take(line);
        drop(kinds);
        if is_quiet {
            self.wait(kind);
        }
        told.into_iter().for_each(|line| (self.tell)(kind, line));
    }

    /// Tells the counts that are due, as no second will pass any more.
    pub(crate) fn finish(&self) {
        let kinds = mem::take(&mut *self.repetitions.lock());
        for (kind, mut repeats) in kinds {
            repeats.count(kind).into_iter().for_each(|count| (self.tell)(kind, count));
        }
    }

    fn wait(self: &Rc<Self>, kind: Kind) {
        // The reactor has the timer, and this has the reactor.
        let this = Rc::downgrade(self);
        let second_over = move || {
            if let Some(this) = this.upgrade() {
                this.second_over(kind);
            }
        };
        self.clock.call_later(SECOND, Box::new(second_over));
    }

    fn second_over(self: &Rc<Self>, kind: Kind) {
        let mut kinds = self.repetitions.lock();
        let Some(repeats) = kinds.get_mut(&kind) else { return };
        let (count, is_quiet) = (repeats.second_over(kind), repeats.room == IN_FULL);
        if is_quiet {
            kinds.remove(&kind);
        }
        drop(kinds);
        if !is_quiet {
            self.wait(kind);
        }
        count.into_iter().for_each(|count| (self.tell)(kind, count));
    }
}

impl Repeats {
    fn new() -> Self {
        Self { room: IN_FULL, left_out: 0, last: String::new() }
    }

    /// The line, if it is told in full.
    fn take(&mut self, line: String) -> Option<String> {
        if self.room > 0 {
            self.room -= 1;
            return Some(line);
        }
        self.left_out += 1;
        self.last = line;
        None
    }

    /// The count of the second that is over. A second without one makes room for one more line.
    fn second_over(&mut self, kind: Kind) -> Option<String> {
        let count = self.count(kind);
        if count.is_none() {
            self.room += 1;
        }
        count
    }

    fn count(&mut self, kind: Kind) -> Option<String> {
        let last = std::mem::take(&mut self.last);
        match std::mem::take(&mut self.left_out) {
            0 => None,
            1 => Some(last),
            count => {
                let things = kind.plural();
                Some(format!("{count} more {things} in the last second, of which the last: {last}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::testing::Clock;
    use std::cell::RefCell;

    struct Scene {
        clock: Clock,
        limiter: Rc<Limiter>,
        told: Rc<RefCell<Vec<String>>>,
    }

    impl Scene {
        fn new() -> Self {
            let (clock, told) = (Clock::new(), Rc::new(RefCell::new(Vec::new())));
            let lines = told.clone();
            let limiter = Limiter::new(clock.clone(), move |_, line| lines.borrow_mut().push(line));
            Self { clock, limiter, told }
        }

        fn lines(&self, kind: Kind, count: usize) {
            (0..count).for_each(|number| self.limiter.line(kind, format!("line {number}")));
        }

        fn after(&self, milliseconds: u64) -> Vec<String> {
            self.clock.advance(Duration::from_millis(milliseconds));
            self.told.take()
        }
    }

    const IN_FULL_LINES: [&str; 5] = ["line 0", "line 1", "line 2", "line 3", "line 4"];

    #[test]
    fn a_flood_is_a_few_lines_and_one_count_a_second() {
        let scene = Scene::new();
        scene.lines(Kind::Handshake, 1000);
        assert_eq!(scene.after(999), IN_FULL_LINES);
        let count =
            "995 more failed TLS handshakes in the last second, of which the last: line 999";
        assert_eq!(scene.after(1), [count]);
        for _ in 0..100 {
            scene.lines(Kind::Handshake, 1000);
            let count =
                "1000 more failed TLS handshakes in the last second, of which the last: line 999";
            assert_eq!(scene.after(1000), [count]);
        }
        assert_eq!(scene.after(60_000), [""; 0]);
        scene.lines(Kind::Handshake, 5);
        assert_eq!(scene.after(0), IN_FULL_LINES, "it was quiet, and the flood is forgotten");
    }

    #[test]
    fn of_lines_left_out_a_single_one_is_told_as_it_is() {
        let scene = Scene::new();
        scene.lines(Kind::Dial, 6);
        assert_eq!(scene.after(0), IN_FULL_LINES);
        assert_eq!(scene.after(1000), ["line 5"]);
    }

    #[test]
    fn room_returns_a_line_a_second() {
        let scene = Scene::new();
        scene.lines(Kind::Dial, 5);
        assert_eq!(scene.after(2000), IN_FULL_LINES);
        scene.lines(Kind::Dial, 3);
        assert_eq!(scene.after(0), ["line 0", "line 1"]);
        assert_eq!(scene.after(1000), ["line 2"]);
    }

    #[test]
    fn one_line_a_second_is_told_for_ever() {
        let scene = Scene::new();
        for _ in 0..1000 {
            scene.lines(Kind::Dial, 1);
            assert_eq!(scene.after(1000), ["line 0"]);
        }
    }

    #[test]
    fn a_flood_of_one_kind_hides_no_other() {
        let scene = Scene::new();
        scene.lines(Kind::Dial, 1000);
        scene.told.take();
        scene.lines(Kind::Accept, 1);
        assert_eq!(scene.after(0), ["line 0"]);
    }

    #[test]
    fn the_end_tells_what_is_not_told_yet() {
        let scene = Scene::new();
        scene.lines(Kind::Dial, 7);
        scene.lines(Kind::Panic, 9);
        scene.lines(Kind::Accept, 5);
        scene.told.take();
        scene.limiter.finish();
        let told = scene.after(0);
        assert_eq!(
            told,
            [
                "2 more connections that could not be relayed in the last second, \
                 of which the last: line 6",
                "4 more panics in the last second, of which the last: line 8",
            ]
        );
        assert_eq!(scene.after(60_000), [""; 0]);
    }

    #[test]
    fn its_timers_do_not_keep_it() {
        let scene = Scene::new();
        scene.lines(Kind::Dial, 100);
        let weak = Rc::downgrade(&scene.limiter);
        drop(scene.limiter);
        assert!(weak.upgrade().is_none());
        scene.clock.advance(SECOND);
    }
}
