//! [`WriteHalf`]: what this side sends, as calls to be awaited.
//!
//! Invariant: nothing is written while the transport has more unsent bytes than its mark.

use alloc::rc::Rc;
use core::fmt;
use core::future::poll_fn;

use interfaces::Transport;

use super::StreamError;
use super::shared::StreamShared;

/// The half that writes.
pub struct WriteHalf {
    shared: Rc<StreamShared>,
}

impl WriteHalf {
    pub(super) fn new(shared: Rc<StreamShared>) -> Self {
        Self { shared }
    }

    /// Waits until the transport takes more, and gives it all of these bytes. A call that is dropped before has
    /// written none of them.
    ///
    /// # Errors
    ///
    /// [`StreamError::Lost`].
    pub async fn write(&mut self, data: &[u8]) -> Result<(), StreamError> {
        let transport = poll_fn(|context| self.shared.poll_writable(context)).await?;
        transport.write(data);
        Ok(())
    }

    /// Sends the end of the stream behind what was written, and waits until both are sent. The connection
    /// is closed when the peer has ended its own stream, too, or the reading half is dropped.
    ///
    /// # Errors
    ///
    /// [`StreamError::Lost`] when the connection is lost before.
    pub async fn close(self) -> Result<(), StreamError> {
        // The end is sent also where this call is dropped while it waits.
        self.shared.close_writing();
        poll_fn(|context| self.shared.poll_closed(context)).await
    }

    /// Aborts the connection.
    pub fn abort(self) {
        self.shared.abort();
    }

    /// The transport, for its further abilities and its options; `None` before the connection is made.
    pub fn transport(&self) -> Option<Rc<dyn Transport>> {
        self.shared.transport()
    }

    #[cfg(feature = "futures-io")]
    pub(super) fn shared(&self) -> &StreamShared {
        &self.shared
    }
}

impl Drop for WriteHalf {
    fn drop(&mut self) {
        self.shared.writer_gone();
    }
}

impl fmt::Debug for WriteHalf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteHalf")
            .field("transport", &self.shared.transport())
            .finish_non_exhaustive()
    }
}
