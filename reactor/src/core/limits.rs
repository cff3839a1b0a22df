//! The limits of what a reactor does in one go, and of what it holds.
//!
//! Invariant: every loop of the turn ends at one of these.

use std::time::Duration;

use interfaces::BufferLimits;

/// The most bytes of a read buffer: more than one read(2) fills at once.
const READ_BUFFER_BYTES_MAX: usize = 16 << 20;

/// A reactor's limits, on by default. Where a number of nothing would be no limit but a standstill,
/// it counts as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// How many connections one port accepts before the others get their turn. Default 64.
    pub accepts_per_turn: usize,
    /// How many full read buffers one connection delivers before the others get their turn.
    /// Default 16, which is about 1 MiB.
    pub reads_per_turn: usize,
    /// How many datagrams one port receives, and how many it sends, before the others get their turn; what
    /// came joined, or is sent in one call, is not cut short. Default 256.
    pub datagrams_per_turn: usize,
    /// How often one connection's producer is asked for more before the others get their turn.
    /// Default 64.
    pub refills_per_turn: usize,
    /// The size of the read buffer that all connections share, at most 16 MiB. Default 68 KiB: a message of
    /// 64 KiB, also with what TLS adds to it, is found to be all by the call that reads it. A read that
    /// follows a full one takes a multiple of 64 KiB, if the buffer is that large.
    pub read_buffer_bytes: usize,
    /// What a new connection's buffer limits are.
    pub buffer: BufferLimits,
    /// The most bytes that wait to be sent on all connections together; beyond it those that have the most
    /// end with [`ReactorBufferExceeded`](interfaces::Reason::ReactorBufferExceeded). Pipes of children and
    /// standard output do not count. Default 1 GiB.
    pub unsent_bytes: usize,
    /// How long a connection that this side ended goes on taking and dropping what the peer still
    /// sends, so that the peer gets our last bytes instead of a reset; and how long a stop takes at the
    /// most for all connections together. Default 2 s.
    pub linger: Duration,
    /// How long a connection that ends with a reset behind its last bytes waits for a peer that
    /// acknowledges none of them, and ten times as long at the most for any. Default 60 s.
    pub unacknowledged: Duration,
    /// How long the end of a run waits for work that threads of the pool have not finished, lookups of
    /// names aside. Default 5 s. Twisted waits without a limit.
    pub work_grace: Duration,
    /// How long a look-up of a host name may take. Default 60 s, as long as Twisted waits in all.
    pub look_up: Duration,
    /// How long a port without descriptors waits before it accepts again. Default 100 ms.
    pub accept_pause: Duration,
}

impl Limits {
    /// With another [`accepts_per_turn`](Self::accepts_per_turn).
    #[must_use]
    pub fn with_accepts_per_turn(mut self, accepts_per_turn: usize) -> Self {
        self.accepts_per_turn = accepts_per_turn;
        self
    }

    /// With another [`reads_per_turn`](Self::reads_per_turn).
    #[must_use]
    pub fn with_reads_per_turn(mut self, reads_per_turn: usize) -> Self {
        self.reads_per_turn = reads_per_turn;
        self
    }

    /// With another [`datagrams_per_turn`](Self::datagrams_per_turn).
    #[must_use]
    pub fn with_datagrams_per_turn(mut self, datagrams_per_turn: usize) -> Self {
        self.datagrams_per_turn = datagrams_per_turn;
        self
    }

    /// With another [`refills_per_turn`](Self::refills_per_turn).
    #[must_use]
    pub fn with_refills_per_turn(mut self, refills_per_turn: usize) -> Self {
        self.refills_per_turn = refills_per_turn;
        self
    }

    /// With another [`read_buffer_bytes`](Self::read_buffer_bytes).
    #[must_use]
    pub fn with_read_buffer_bytes(mut self, read_buffer_bytes: usize) -> Self {
        self.read_buffer_bytes = read_buffer_bytes;
        self
    }

    /// With another [`buffer`](Self::buffer).
    #[must_use]
    pub fn with_buffer(mut self, buffer: BufferLimits) -> Self {
        self.buffer = buffer;
        self
    }

    /// With another [`unsent_bytes`](Self::unsent_bytes).
    #[must_use]
    pub fn with_unsent_bytes(mut self, unsent_bytes: usize) -> Self {
        self.unsent_bytes = unsent_bytes;
        self
    }

    /// With another [`linger`](Self::linger).
    #[must_use]
    pub fn with_linger(mut self, linger: Duration) -> Self {
        self.linger = linger;
        self
    }

    /// With another [`unacknowledged`](Self::unacknowledged).
    #[must_use]
    pub fn with_unacknowledged(mut self, unacknowledged: Duration) -> Self {
        self.unacknowledged = unacknowledged;
        self
    }

    /// With another [`work_grace`](Self::work_grace).
    #[must_use]
    pub fn with_work_grace(mut self, work_grace: Duration) -> Self {
        self.work_grace = work_grace;
        self
    }

    /// With another [`look_up`](Self::look_up).
    #[must_use]
    pub fn with_look_up(mut self, look_up: Duration) -> Self {
        self.look_up = look_up;
        self
    }

    /// With another [`accept_pause`](Self::accept_pause).
    #[must_use]
    pub fn with_accept_pause(mut self, accept_pause: Duration) -> Self {
        self.accept_pause = accept_pause;
        self
    }

    /// With nothing below one, as a budget of nothing would never be done; and with a read buffer that can be
    /// had.
    pub(crate) fn in_range(mut self) -> Self {
        self.accepts_per_turn = self.accepts_per_turn.max(1);
        self.reads_per_turn = self.reads_per_turn.max(1);
        self.datagrams_per_turn = self.datagrams_per_turn.max(1);
        self.refills_per_turn = self.refills_per_turn.max(1);
        self.read_buffer_bytes = self.read_buffer_bytes.clamp(1, READ_BUFFER_BYTES_MAX);
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            accepts_per_turn: 64,
            reads_per_turn: 16,
            datagrams_per_turn: 256,
            refills_per_turn: 64,
            read_buffer_bytes: 68 * 1024,
            buffer: BufferLimits::default(),
            unsent_bytes: 1 << 30,
            linger: Duration::from_secs(2),
            unacknowledged: Duration::from_secs(60),
            work_grace: Duration::from_secs(5),
            look_up: Duration::from_secs(60),
            accept_pause: Duration::from_millis(100),
        }
    }
}
