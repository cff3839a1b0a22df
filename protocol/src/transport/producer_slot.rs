//! The registered producer of a transport, and whether it was told to wait.
//!
//! Invariant: nothing here calls the producer; each method returns the one to be called, so that the
//! transport calls it with nothing borrowed.

use alloc::rc::Rc;
use core::cell::Cell;
use core::{fmt, mem};

use interfaces::{AlreadyProducing, Producer, PullProducer, PushProducer};

/// The place of one producer. Empty at first.
///
/// A transport registers and unregisters through it, asks [`pause`](Self::pause) when its unsent bytes
/// pass the mark and [`resume`](Self::resume) when all are sent, and calls what it is given.
#[derive(Default)]
pub struct ProducerSlot {
    producer: Cell<Option<Producer>>,
    paused: Cell<bool>,
}

impl ProducerSlot {
    /// A slot without a producer.
    pub const fn new() -> Self {
        Self { producer: Cell::new(None), paused: Cell::new(false) }
    }

    /// Whether a producer is registered.
    #[inline]
    pub fn is_registered(&self) -> bool {
        self.with(|producer| producer.is_some())
    }

    /// The registered producer.
    pub fn get(&self) -> Option<Producer> {
        self.with(Option::clone)
    }

    /// The registered producer, if it makes pieces when it is asked.
    pub fn pull(&self) -> Option<Rc<dyn PullProducer>> {
        self.with(|producer| match producer {
            Some(Producer::Pull(producer)) => Some(producer.clone()),
            Some(Producer::Push(_)) | None => None,
        })
    }

    /// Keeps the producer. A pull producer is to be asked for its first piece now, and a push producer
    /// to be [paused](Self::pause) if more is unsent than it may add to.
    ///
    /// # Errors
    ///
    /// [`AlreadyProducing`] when another one is registered, which stays.
    pub fn register(&self, producer: Producer) -> Result<(), AlreadyProducing> {
        if self.is_registered() {
            return Err(AlreadyProducing);
        }
        self.producer.set(Some(producer));
        self.paused.set(false);
        Ok(())
    }

    /// Takes the producer out: to be dropped if it unregistered, to be stopped if the connection
    /// ended.
    pub fn unregister(&self) -> Option<Producer> {
        self.paused.set(false);
        self.producer.take()
    }

    /// The registered producer, if it runs by itself: to be asked, when the connection is to close, whether it
    /// [has finished](PushProducer::has_finished), and [unregistered](Self::unregister) then.
    pub fn push(&self) -> Option<Rc<dyn PushProducer>> {
        self.with(|producer| match producer {
            Some(Producer::Push(producer)) => Some(producer.clone()),
            Some(Producer::Pull(_)) | None => None,
        })
    }

    /// Notes that the producer is to wait, and returns it if it must be told: a push producer that was
    /// not told yet. Pull producers wait by themselves.
    pub fn pause(&self) -> Option<Rc<dyn PushProducer>> {
        self.tell(true)
    }

    /// Notes that the producer may go on, and returns it if it must be told: a push producer that
    /// was paused.
    pub fn resume(&self) -> Option<Rc<dyn PushProducer>> {
        self.tell(false)
    }

    /// Whether a push producer was paused and is to be told to go on.
    pub fn is_paused(&self) -> bool {
        self.paused.get()
    }

    fn tell(&self, paused: bool) -> Option<Rc<dyn PushProducer>> {
        self.with(|producer| match producer {
            Some(Producer::Push(producer)) if self.paused.replace(paused) != paused => {
                Some(producer.clone())
            }
            Some(Producer::Push(_) | Producer::Pull(_)) | None => None,
        })
    }

    /// `look` is not foreign code: it finds the slot empty only to put back what it was given.
    #[inline]
    fn with<R>(&self, look: impl FnOnce(&Option<Producer>) -> R) -> R {
        let producer = self.producer.take();
        let seen = look(&producer);
        // The slot is known to be empty; `forget` saves the drop check.
        mem::forget(self.producer.replace(producer));
        seen
    }
}

impl fmt::Debug for ProducerSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProducerSlot")
            .field("producer", &self.get())
            .field("paused", &self.paused.get())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Must not be called by the slot.
    struct Silent;

    impl PushProducer for Silent {
        fn pause_producing(&self) {
            panic!("the slot calls nothing");
        }
        fn resume_producing(&self) {
            panic!("the slot calls nothing");
        }
        fn stop_producing(&self) {
            panic!("the slot calls nothing");
        }
    }

    impl PullProducer for Silent {
        fn resume_producing(&self) {
            panic!("the slot calls nothing");
        }
        fn stop_producing(&self) {
            panic!("the slot calls nothing");
        }
    }

    fn push() -> Producer {
        Producer::Push(Rc::new(Silent))
    }

    fn pull() -> Producer {
        Producer::Pull(Rc::new(Silent))
    }

    #[test]
    fn an_empty_slot_has_nothing_to_tell() {
        let slot = ProducerSlot::new();
        assert!(slot.pause().is_none() && slot.resume().is_none());
        assert!(slot.pull().is_none() && slot.get().is_none() && slot.unregister().is_none());
        assert!(!slot.is_registered());
    }

    #[test]
    fn the_first_producer_stays_until_it_unregisters() {
        let slot = ProducerSlot::new();
        assert_eq!(slot.register(push()), Ok(()));
        assert_eq!(slot.register(pull()), Err(AlreadyProducing));
        assert!(matches!(slot.unregister(), Some(Producer::Push(_))));
        assert_eq!(slot.register(pull()), Ok(()));
        assert!(slot.pull().is_some());
    }

    #[test]
    fn a_push_producer_is_told_only_of_changes() {
        let slot = ProducerSlot::new();
        slot.register(push()).expect("none is registered");
        assert!(slot.pull().is_none());
        assert!(slot.resume().is_none(), "it was not paused");
        for _ in 0..2 {
            assert!(slot.pause().is_some());
            assert!(slot.pause().is_none());
            assert!(slot.resume().is_some());
            assert!(slot.resume().is_none());
        }
    }

    #[test]
    fn a_pull_producer_is_never_paused() {
        let slot = ProducerSlot::new();
        slot.register(pull()).expect("none is registered");
        assert!(slot.pause().is_none() && slot.resume().is_none());
    }

    #[test]
    fn only_a_push_producer_can_have_finished() {
        let slot = ProducerSlot::new();
        assert!(slot.push().is_none());
        slot.register(pull()).expect("none is registered");
        assert!(slot.push().is_none());
        drop(slot.unregister());
        slot.register(push()).expect("none is registered");
        assert!(slot.push().is_some_and(|producer| !producer.has_finished()));
        assert!(slot.is_registered());
    }

    #[test]
    fn a_pause_ends_with_its_producer() {
        let slot = ProducerSlot::new();
        slot.register(push()).expect("none is registered");
        assert!(slot.pause().is_some());
        drop(slot.unregister());
        slot.register(push()).expect("none is registered");
        assert!(slot.resume().is_none(), "the new one was not paused");
    }
}
