//! Pseudo-random numbers, the same in each run and for both sides.
//!
//! Invariant: the order of the calls decides every number.

use std::fs;
use std::io;
use std::time::Duration;

/// The number of timers.
pub(crate) const TIMERS: usize = 1_000_000;

/// The bound of the delays of the timers that fire.
pub(crate) const SOON: Duration = Duration::from_millis(300);

/// A generator (Marsaglia's xorshift, 64 bits).
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn new() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A delay that does not end within a run: from one to two minutes, in milliseconds.
    pub(crate) fn long_delay(&mut self) -> Duration {
        Duration::from_millis(60_000 + self.next() % 60_000)
    }

    /// A delay below [`SOON`].
    pub(crate) fn short_delay(&mut self) -> Duration {
        Duration::from_millis(1 + self.next() % 250)
    }

    /// Shuffles a slice (Fisher and Yates).
    pub(crate) fn shuffle<T>(&mut self, things: &mut [T]) {
        for at in (1..things.len()).rev() {
            let with = self.next() % (at as u64 + 1);
            things.swap(at, with as usize);
        }
    }
}

/// The resident memory of this process, in bytes.
pub(crate) fn memory() -> io::Result<u64> {
    let text = fs::read_to_string("/proc/self/smaps_rollup")?;
    let line = text.lines().find_map(|line| line.strip_prefix("Rss:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.map(|it| it * 1024).ok_or_else(|| io::Error::other("there is no Rss"))
}

/// The processor time of this thread from now on, which does not include the time of other threads.
pub(crate) struct Stopwatch(Duration);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(processor_time())
    }

    /// Nanoseconds for each of the timers.
    pub(crate) fn each(&self) -> f64 {
        (processor_time() - self.0).as_nanos() as f64 / TIMERS as f64
    }
}

/// The processor time of this thread.
pub(crate) fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a local value that the call fills. It cannot fail for this clock.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
