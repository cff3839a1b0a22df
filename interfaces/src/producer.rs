//! Flow control between a transport and the source of its bytes; Twisted's `IPushProducer`,
//! `IPullProducer`.
//!
//! Invariant: a transport calls its producer with nothing borrowed, and never after
//! `stop_producing` or `unregister_producer`.

use alloc::rc::Rc;
use core::fmt;

/// A source of bytes that runs by itself, and can be paused. Twisted's `IPushProducer`.
///
/// Every [`Transport`](crate::Transport) is one for its protocol: `pause_producing` stops reading.
/// So joining two connections with back-pressure is one
/// [`register_producer`](crate::Transport::register_producer) in each direction.
#[doc(alias = "IPushProducer")]
pub trait PushProducer {
    /// The consumer's buffer is full: write no more until resumed. Called by a transport from inside
    /// `write`, once each time its unsent bytes pass the high-water mark.
    #[doc(alias = "pauseProducing")]
    fn pause_producing(&self);

    /// The consumer's unsent bytes are gone: go on. Called only after a pause.
    #[doc(alias = "resumeProducing")]
    fn resume_producing(&self);

    /// The consumer is gone for good: never produce again.
    #[doc(alias = "stopProducing")]
    fn stop_producing(&self);

    /// Whether it has nothing more to produce, ever. A transport has finished when its protocol has heard of
    /// the end of the stream or of the connection, or has closed it. Asked by a transport that is to close: it
    /// unregisters a producer that has finished, instead of waiting for it.
    fn has_finished(&self) -> bool {
        false
    }
}

/// A source of bytes that makes one piece each time it is asked. Twisted's `IPullProducer`.
#[doc(alias = "IPullProducer")]
pub trait PullProducer {
    /// Write one piece now, before returning. Called from inside `register_producer`, and again
    /// each time the written bytes have left: then perhaps several times in a row, until the queue has
    /// a few times the bytes that pause a push producer, so that pieces leave together.
    #[doc(alias = "resumeProducing")]
    fn resume_producing(&self);

    /// The consumer is gone for good: never produce again.
    #[doc(alias = "stopProducing")]
    fn stop_producing(&self);
}

/// What [`register_producer`](crate::Transport::register_producer) takes: Twisted's `streaming`
/// argument, as a type.
#[derive(Clone)]
#[doc(alias = "streaming")]
pub enum Producer {
    /// Runs by itself (`streaming=True`).
    Push(Rc<dyn PushProducer>),
    /// Makes a piece when asked (`streaming=False`).
    Pull(Rc<dyn PullProducer>),
}

impl Producer {
    /// Forwards `stop_producing` to either kind.
    #[doc(alias = "stopProducing")]
    pub fn stop_producing(&self) {
        match self {
            Self::Push(producer) => producer.stop_producing(),
            Self::Pull(producer) => producer.stop_producing(),
        }
    }
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Push(_) => "Producer::Push",
            Self::Pull(_) => "Producer::Pull",
        })
    }
}

/// A producer was registered where another one still is. Twisted's `RuntimeError`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot register a producer: another one is registered, and was not unregistered first")]
pub struct AlreadyProducing;
