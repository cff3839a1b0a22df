//! What a full factory keeps of a port.
//!
//! Invariant: a waker keeps no reactor alive, and one of a reactor that is gone does nothing.

use std::sync::Arc;
use std::task::{Wake, Waker};

use crate::core::Core;
use crate::core::remote_calls::RemoteCall;
use crate::sys::{StreamSys, Token};
use crate::threads::remote_queue::RemoteQueue;

/// Lists a port as still ready when it is woken, on any thread.
pub(super) fn port_waker<S: StreamSys>(core: &Core<S>, token: Token) -> Waker {
    Waker::from(Arc::new(PortWaker { remote_queue: Arc::clone(&core.remote_queue), token }))
}

struct PortWaker<S: StreamSys> {
    remote_queue: Arc<RemoteQueue<RemoteCall<S>>>,
    token: Token,
}

impl<S: StreamSys> Wake for PortWaker<S> {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let token = self.token;
        let look: RemoteCall<S> = Box::new(move |core| core.list_still_ready(token));
        // A reactor that is gone has closed its ports.
        drop(self.remote_queue.push(look));
    }
}
