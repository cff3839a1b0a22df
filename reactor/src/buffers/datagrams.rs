//! The datagrams of a port on their way out, and the batches that all ports of a reactor share.
//!
//! Invariant: a queue's bytes are those of its datagrams from the first unsent one on, one behind the
//! other, so that a run of them is one slice.

use std::cell::Cell;

use interfaces::{Address, QUEUED_DATAGRAM_BYTES};

use crate::sys::{ReceiveBatch, SendRun, Token};

/// How many runs one call hands to the system.
pub(crate) const RUNS_MAX: usize = 32;

/// The most datagrams in a run (`UDP_MAX_SEGMENTS` before Linux 6.9).
const SEGMENTS_MAX: usize = 64;

/// The most bytes in a run: an IPv4 packet with both headers.
const RUN_BYTES_MAX: usize = 65_507;

/// A queue that has grown beyond this is not kept.
const KEPT_BYTES_MAX: usize = 256 * 1024;

/// Nor is one that has had more datagrams at a time than this.
const KEPT_HEADS_MAX: usize = 4096;

/// Shared by a reactor and its datagram ports, so that an idle port owns no buffer. Each is taken out
/// while it is used; a use inside a use makes itself another.
pub(crate) struct DatagramBuffers {
    received: Cell<Option<Box<ReceiveBatch>>>,
    queue: Cell<Option<Box<DatagramQueue>>>,
    /// The port whose protocol runs: a turn that it makes itself sends what it has gathered.
    pub(crate) gathering: Cell<Token>,
}

impl DatagramBuffers {
    pub(crate) fn new() -> Self {
        let (received, queue) = (Cell::default(), Cell::default());
        Self { received, queue, gathering: Cell::new(Token::NOBODY) }
    }

    /// Takes the batch out; its places hold packets of `bytes`.
    pub(crate) fn take_batch(&self, bytes: usize) -> Box<ReceiveBatch> {
        let mut batch = self.received.take().unwrap_or_default();
        batch.fit(bytes);
        batch
    }

    pub(crate) fn keep_batch(&self, batch: Box<ReceiveBatch>) {
        self.received.set(Some(batch));
    }

    /// Takes an empty queue out.
    pub(crate) fn take_queue(&self) -> Box<DatagramQueue> {
        self.queue.take().unwrap_or_default()
    }

    /// Takes a queue back, which is empty.
    pub(crate) fn keep_queue(&self, mut queue: Box<DatagramQueue>) {
        queue.clear();
        if queue.bytes.capacity() <= KEPT_BYTES_MAX && queue.heads.len() <= KEPT_HEADS_MAX {
            self.queue.set(Some(queue));
        }
    }
}

/// Datagrams that are not sent, in order.
#[derive(Debug, Default)]
pub(crate) struct DatagramQueue {
    bytes: Vec<u8>,
    /// What the datagrams that wait cost, in bytes: their own, and their heads.
    pub(crate) cost: usize,
    /// Where the first datagram begins.
    start: usize,
    /// Those of the datagrams, and behind them used ones that are written again. A head is written where it
    /// stays: of one that is moved, the processor would read the address whole before its parts have
    /// reached the cache, and wait.
    heads: Vec<Head>,
    /// The first one that is not sent.
    first: usize,
    /// Where the used ones begin.
    end: usize,
}

/// One datagram without its bytes.
#[derive(Debug)]
struct Head {
    length: usize,
    /// `None` for the peer of a connected port.
    receiver: Option<Address>,
}

/// A head is no more than it is counted for.
const _: () = assert!(size_of::<Head>() <= QUEUED_DATAGRAM_BYTES);

/// Where not both are of IPv4.
#[inline(never)]
fn replace_receiver(place: &mut Option<Address>, receiver: Option<&Address>) {
    *place = receiver.cloned();
}

impl DatagramQueue {
    /// How many datagrams wait.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.end - self.first
    }

    /// Adds a datagram that consists of these pieces.
    #[inline(always)]
    pub(crate) fn push(&mut self, pieces: &[&[u8]], receiver: Option<&Address>) {
        if self.first > self.end / 2 {
            self.compact();
        }
        let before = self.bytes.len();
        pieces.iter().for_each(|piece| self.bytes.extend_from_slice(piece));
        if self.end == self.heads.len() {
            self.heads.push(Head { length: 0, receiver: None });
        }
        let head = &mut self.heads[self.end];
        head.length = self.bytes.len() - before;
        self.cost += head.length + QUEUED_DATAGRAM_BYTES;
        match (&mut head.receiver, receiver) {
            (Some(Address::Ipv4(place)), Some(Address::Ipv4(receiver))) => *place = *receiver,
            (place, receiver) => replace_receiver(place, receiver),
        }
        self.end += 1;
    }

    /// Drops what is sent of a queue that is never empty.
    #[cold]
    fn compact(&mut self) {
        self.bytes.drain(..self.start);
        self.heads.drain(..self.first);
        self.end -= self.first;
        (self.start, self.first) = (0, 0);
    }

    /// Takes the first datagram off; returns its receiver, if it has one of its own.
    pub(crate) fn pop(&mut self) -> Option<Option<Address>> {
        let head = self.heads[..self.end].get_mut(self.first)?;
        let receiver = head.receiver.take();
        self.pop_many(1);
        Some(receiver)
    }

    /// Takes the first `count` off.
    pub(crate) fn pop_many(&mut self, count: usize) {
        if count >= self.len() {
            return self.clear();
        }
        let taken = &self.heads[self.first..self.first + count];
        let bytes = taken.iter().map(|head| head.length).sum::<usize>();
        self.start += bytes;
        self.cost -= bytes + count * QUEUED_DATAGRAM_BYTES;
        self.first += count;
    }

    /// Removes all.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        (self.cost, self.start, self.first, self.end) = (0, 0, 0, 0);
    }

    /// The first `runs_max` runs of the queue, or [`RUNS_MAX`], which note their ends.
    #[inline]
    pub(crate) fn runs<'a>(
        &'a self,
        segmentation: Segmentation,
        runs_max: usize,
        ends: &'a RunEnds,
    ) -> Runs<'a> {
        let (heads, bytes) = (&self.heads[self.first..self.end], &self.bytes[self.start..]);
        let ends = &ends.0[..runs_max.min(RUNS_MAX)];
        Runs { heads, bytes, segmentation, ends, datagrams: 0 }
    }
}

/// Which datagrams the system cuts from one run itself (`UDP_SEGMENT`).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segmentation {
    /// The fewest datagrams of a run; fewer go one by one.
    run_min: usize,
    /// The largest of them in bytes; 0 if the system cuts none.
    segment_bytes_max: usize,
}

impl Segmentation {
    /// Not at all.
    pub(crate) const NONE: Self = Self { run_min: usize::MAX, segment_bytes_max: 0 };

    /// Runs of `run_min` and more.
    pub(crate) const fn from_run_of(run_min: usize) -> Self {
        Self { run_min, segment_bytes_max: RUN_BYTES_MAX }
    }

    /// How many datagrams the run at the beginning has, and how many bytes.
    #[inline]
    fn run(self, heads: &[Head]) -> (usize, usize) {
        match heads {
            [] => (0, 0),
            [first, next, ..] if is_same(&first.receiver, &next.receiver) => {
                self.run_to_one(first, &heads[1..])
            }
            [first, ..] => (1, first.length),
        }
    }

    /// The same where the second datagram has the first one's receiver.
    #[inline(never)]
    fn run_to_one(self, first: &Head, behind: &[Head]) -> (usize, usize) {
        let size = first.length;
        if size == 0 || size > self.segment_bytes_max {
            return (1, size);
        }
        let (mut count, mut bytes) = (1, size);
        for next in behind {
            let fits = count < SEGMENTS_MAX && bytes + next.length <= RUN_BYTES_MAX;
            let follows = next.length <= size && next.length > 0;
            if !fits || !follows || !is_same(&next.receiver, &first.receiver) {
                break;
            }
            (count, bytes) = (count + 1, bytes + next.length);
            if next.length < size {
                break;
            }
        }
        if count < self.run_min { (1, size) } else { (count, bytes) }
    }

    /// The system has refused a run of this size: too large for the way, or not at all.
    pub(crate) fn refused(self, segment: u16) -> Self {
        Self { segment_bytes_max: usize::from(segment).saturating_sub(1), ..self }
    }
}

/// Whether two datagrams have one receiver.
#[inline]
fn is_same(one: &Option<Address>, other: &Option<Address>) -> bool {
    match (one, other) {
        (Some(Address::Ipv4(one)), Some(Address::Ipv4(other))) => {
            one.port() == other.port() && one.ip() == other.ip()
        }
        (one, other) => is_same_of_another_kind(one, other),
    }
}

/// The same where not both are of IPv4.
#[inline(never)]
fn is_same_of_another_kind(one: &Option<Address>, other: &Option<Address>) -> bool {
    one == other
}

/// The beginning of a queue, cut into runs while they are asked for.
pub(crate) struct Runs<'a> {
    heads: &'a [Head],
    bytes: &'a [u8],
    segmentation: Segmentation,
    /// Of the runs that were not asked for yet.
    ends: &'a [Cell<u16>],
    datagrams: u16,
}

/// How many datagrams the first runs of a queue have, up to the end of each that was asked for.
#[derive(Debug, Default)]
pub(crate) struct RunEnds([Cell<u16>; RUNS_MAX]);

impl RunEnds {
    /// How many datagrams the first `runs` of those have that were asked for.
    pub(crate) fn datagrams(&self, runs: usize) -> usize {
        let last = runs.checked_sub(1).and_then(|last| self.0.get(last));
        last.map_or(0, |end| usize::from(end.get()))
    }
}

impl<'a> Iterator for Runs<'a> {
    type Item = SendRun<'a>;

    #[inline]
    fn next(&mut self) -> Option<SendRun<'a>> {
        let head = self.heads.first()?;
        let (end, ends) = self.ends.split_first()?;
        let (count, bytes) = self.segmentation.run(self.heads);
        let (data, behind) = self.bytes.split_at(bytes);
        let segment = if count > 1 { u16::try_from(head.length).ok() } else { None };
        // A run has at most SEGMENTS_MAX datagrams, and there are RUNS_MAX runs.
        self.datagrams += count as u16;
        end.set(self.datagrams);
        (self.heads, self.bytes, self.ends) = (&self.heads[count..], behind, ends);
        Some(SendRun { data, segment, receiver: head.receiver.as_ref() })
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn to(port: u16) -> Option<Address> {
        Some(Address::from(SocketAddr::from(([127, 0, 0, 1], port))))
    }

    fn queue(datagrams: &[(usize, u16)]) -> DatagramQueue {
        let mut queue = DatagramQueue::default();
        for (number, (length, port)) in datagrams.iter().enumerate() {
            queue.push(&[&vec![number as u8; *length]], to(*port).as_ref());
        }
        queue
    }

    /// The runs: how many datagrams, how many bytes, cut or not.
    fn cut(queue: &DatagramQueue, segmentation: Segmentation) -> Vec<(usize, usize, bool)> {
        let ends = RunEnds::default();
        let describe = |(number, run): (usize, SendRun<'_>)| {
            let count = ends.datagrams(number + 1) - ends.datagrams(number);
            (count, run.data.len(), run.segment.is_some())
        };
        queue.runs(segmentation, RUNS_MAX, &ends).enumerate().map(describe).collect()
    }

    #[test]
    fn a_run_has_one_receiver_and_one_size_but_for_a_smaller_last_one() {
        let all = Segmentation::from_run_of(2);
        let sizes = [(100, 1), (100, 1), (60, 1), (100, 1), (100, 2), (100, 2), (0, 2), (100, 2)];
        let expected =
            [(3, 260, true), (1, 100, false), (2, 200, true), (1, 0, false), (1, 100, false)];
        assert_eq!(cut(&queue(&sizes), all), expected);
        assert_eq!(
            cut(&queue(&sizes), Segmentation::NONE),
            sizes.map(|(size, _)| (1, size, false))
        );
        let from_three = Segmentation::from_run_of(3);
        assert_eq!(cut(&queue(&sizes), from_three)[2..4], [(1, 100, false); 2]);
        assert_eq!(cut(&queue(&sizes), all.refused(100)).len(), sizes.len());
    }

    #[test]
    fn a_run_ends_at_what_the_system_takes() {
        let all = Segmentation::from_run_of(2);
        assert_eq!(cut(&queue(&[(10, 1); 70]), all), [(64, 640, true), (6, 60, true)]);
        let large = [(30_000, 1); 3];
        assert_eq!(cut(&queue(&large), all), [(2, 60_000, true), (1, 30_000, false)]);
        let many: Vec<_> = (0..40).map(|number| (10, number)).collect();
        assert_eq!(cut(&queue(&many), all).len(), RUNS_MAX);
    }

    #[test]
    fn what_is_taken_off_the_front_leaves_the_rest_in_order() {
        let mut queue = queue(&[(3, 1), (2, 2), (4, 3)]);
        assert_eq!(queue.pop(), Some(to(1)));
        queue.push(&[b"ab", b"", b"c"], None);
        let ends = RunEnds::default();
        let runs = queue.runs(Segmentation::NONE, RUNS_MAX, &ends);
        let data: Vec<&[u8]> = runs.map(|run| run.data).collect();
        assert_eq!(data, [&[1; 2][..], &[2; 4], b"abc"]);
        assert_eq!((queue.len(), queue.cost), (3, 9 + 3 * QUEUED_DATAGRAM_BYTES));
        queue.pop_many(2);
        assert_eq!((queue.len(), queue.cost), (1, 3 + QUEUED_DATAGRAM_BYTES));
        queue.pop_many(5);
        assert_eq!((queue.len(), queue.cost, queue.bytes.len()), (0, 0, 0));
    }
    #[test]
    fn a_head_that_is_used_again_has_its_own_receiver_and_length() {
        let name = Address::Unix(interfaces::UnixAddress::Abstract(std::rc::Rc::from(&b"n"[..])));
        let receivers = [to(1), None, Some(name.clone()), to(2), Some(name), None, to(3)];
        let mut queue = DatagramQueue::default();
        for round in 0..receivers.len() {
            let rotated = || receivers.iter().cycle().skip(round).take(receivers.len());
            for (length, receiver) in rotated().enumerate() {
                queue.push(&[&vec![0; length]], receiver.as_ref());
            }
            let ends = RunEnds::default();
            let runs = queue.runs(Segmentation::NONE, RUNS_MAX, &ends);
            let queued: Vec<_> = runs.map(|run| (run.data.len(), run.receiver.cloned())).collect();
            assert_eq!(queued, rotated().cloned().enumerate().collect::<Vec<_>>());
            for receiver in rotated() {
                assert_eq!(queue.pop().as_ref(), Some(receiver));
            }
            assert_eq!((queue.len(), queue.pop()), (0, None));
        }
    }

    #[test]
    fn a_queue_that_has_had_many_datagrams_is_not_kept() {
        let buffers = DatagramBuffers::new();
        for (count, kept) in [(KEPT_HEADS_MAX, KEPT_HEADS_MAX), (KEPT_HEADS_MAX + 1, 0)] {
            let mut queue = buffers.take_queue();
            (0..count).for_each(|_| queue.push(&[], None));
            buffers.keep_queue(queue);
            let queue = buffers.take_queue();
            assert_eq!((queue.len(), queue.heads.len()), (0, kept));
            drop(queue);
        }
    }
}
