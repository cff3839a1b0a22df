//! [`Consumer`]: what producers write to, a transport or a joint before one; Twisted's `IConsumer` and
//! `IFinishableConsumer`.
//!
//! Invariant: it has at most one producer at a time.

use alloc::rc::Rc;

use interfaces::{AlreadyProducing, Producer, Transport};

/// The end of a flow of bytes. Every transport is one; so are the proxies of this module.
pub trait Consumer {
    /// [`Transport::write`].
    fn write(&self, data: &[u8]);

    /// [`Transport::register_producer`].
    ///
    /// # Errors
    ///
    /// [`AlreadyProducing`] when another one is registered, which stays.
    fn register_producer(&self, producer: Producer) -> Result<(), AlreadyProducing>;

    /// [`Transport::unregister_producer`].
    fn unregister_producer(&self);

    /// No more bytes come: a transport is closed behind those that it has.
    fn finish(&self);
}

impl Consumer for Rc<dyn Transport> {
    fn write(&self, data: &[u8]) {
        (**self).write(data);
    }

    fn register_producer(&self, producer: Producer) -> Result<(), AlreadyProducing> {
        (**self).register_producer(producer)
    }

    fn unregister_producer(&self) {
        (**self).unregister_producer();
    }

    fn finish(&self) {
        self.lose_connection();
    }
}

impl<C: Consumer + ?Sized> Consumer for Rc<C> {
    fn write(&self, data: &[u8]) {
        (**self).write(data);
    }

    fn register_producer(&self, producer: Producer) -> Result<(), AlreadyProducing> {
        (**self).register_producer(producer)
    }

    fn unregister_producer(&self) {
        (**self).unregister_producer();
    }

    fn finish(&self) {
        (**self).finish();
    }
}
