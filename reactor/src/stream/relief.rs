//! What happens when the queues of all streams together hold more than the reactor's cap: the sockets take
//! what they have room for, and then the streams with the most unsent bytes end.
//!
//! Invariant: it runs no foreign code, so it may run inside a write; and a stream ends only where the cap
//! would be passed without that.

use std::cmp::Reverse;
use std::rc::Rc;

use interfaces::Reason;

use super::Stream;
use super::flush::Sent;
use crate::core::Core;
use crate::core::tenant::Slot;
use crate::sys::StreamSys;

impl<S: StreamSys> Stream<S> {
    /// Brings the queues of all streams below the cap, if they are above it.
    #[inline]
    pub(crate) fn relieve_if_over_cap(core: &Core<S>) {
        if core.streams.is_over_cap() {
            Self::relieve(core);
        }
    }

    #[cold]
    #[inline(never)]
    pub(super) fn relieve(core: &Core<S>) {
        let mut streams = Self::all_with_unsent(core);
        let is_alive = |stream: &Rc<Self>| stream.state.get().is_alive();
        streams.iter().filter(|it| is_alive(it)).for_each(|stream| stream.send_early(core));
        // Those that end already drop their bytes in the closing phase.
        let ending = streams.iter().filter(|it| !is_alive(it)).map(|it| it.queue.len()).sum();
        streams.retain(is_alive);
        streams.sort_by_key(|stream| Reverse(stream.queue.len()));
        let cap = core.streams.unsent_bytes_max;
        for stream in streams {
            if core.streams.pool.waiting_bytes().saturating_sub(ending) <= cap {
                break;
            }
            stream.schedule_close(Reason::ReactorBufferExceeded { cap });
            stream.drop_unsent();
        }
    }

    fn all_with_unsent(core: &Core<S>) -> Vec<Rc<Self>> {
        let slots = core.slots.borrow();
        let streams = slots.tenants().filter_map(|slot| match slot {
            Slot::Stream(running) if !running.stream.queue.is_empty() => {
                Some(running.stream.clone())
            }
            Slot::Stream(_) | Slot::Other(_) => None,
        });
        streams.collect()
    }

    /// Sends what the socket takes. What follows, the coming flush does.
    fn send_early(&self, core: &Core<S>) {
        if self.io.blocked.get() || self.rare.broken().is_some() {
            return;
        }
        if let Sent::Broken(error) = self.send_queued(core) {
            self.rare.set_broken(error);
        }
        self.make_dirty();
    }
}
