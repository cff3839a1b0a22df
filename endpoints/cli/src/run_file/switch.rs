//! The factory of a port that outlives its service.
//!
//! Invariant: each connection is built by the factory that is in the switch at that moment, and each factory is
//! told once that a port begins to use it, and once that it does not any more.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Poll, Waker};

use deferred::Failure;
use interfaces::{Address, Deliver, Factory};

/// Passes on to the factory that was put in last.
pub(super) struct SwitchFactory {
    current: RefCell<Rc<dyn Factory>>,
    is_started: Cell<bool>,
    /// The port's, if it waits for a place with the factory that was in then.
    waiting: RefCell<Option<Waker>>,
}

impl SwitchFactory {
    pub(super) fn new(factory: Rc<dyn Factory>) -> Rc<Self> {
        let (current, is_started) = (RefCell::new(factory), Cell::new(false));
        Rc::new(Self { current, is_started, waiting: RefCell::default() })
    }

    fn current(&self) -> Rc<dyn Factory> {
        self.current.borrow().clone()
    }

    /// From now on connections are those of this factory.
    ///
    /// # Errors
    ///
    /// What the factory before it says to its end; it is out all the same.
    pub(super) fn put(&self, factory: Rc<dyn Factory>) -> Result<(), Failure> {
        let before = self.current.replace(factory.clone());
        let mut stopped = Ok(());
        if self.is_started.get() {
            factory.do_start();
            stopped = before.do_stop();
        }
        let waiting = self.waiting.take();
        if let Some(port) = waiting {
            port.wake();
        }
        stopped
    }
}

impl Factory for SwitchFactory {
    fn build_protocol(&self, peer: &Address) -> Option<Rc<dyn Deliver>> {
        self.current().build_protocol(peer)
    }

    fn poll_ready(&self, on_the_way: usize, waker: &Waker) -> Poll<()> {
        let answer = self.current().poll_ready(on_the_way, waker);
        let waiting = answer.is_pending().then(|| waker.clone());
        drop(self.waiting.replace(waiting));
        answer
    }

    fn log_prefix(&self) -> Cow<'static, str> {
        self.current().log_prefix()
    }

    fn do_start(&self) {
        self.is_started.set(true);
        self.current().do_start();
    }

    fn do_stop(&self) -> Result<(), Failure> {
        self.is_started.set(false);
        self.current().do_stop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use interfaces::UnixAddress;
    use protocol::policies::LimitTotalConnectionsFactory;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    #[derive(Default)]
    struct Counted(Cell<i32>, Cell<i32>);

    impl Factory for Counted {
        fn build_protocol(&self, _: &Address) -> Option<Rc<dyn Deliver>> {
            self.1.set(self.1.get() + 1);
            None
        }

        fn do_start(&self) {
            self.0.set(self.0.get() + 1);
        }

        fn do_stop(&self) -> Result<(), Failure> {
            self.0.set(self.0.get() - 1);
            Ok(())
        }
    }

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn each_connection_is_of_the_factory_that_is_in_and_each_factory_ends_as_it_began() {
        let (one, two) = (Rc::new(Counted::default()), Rc::new(Counted::default()));
        let switch = SwitchFactory::new(one.clone());
        let peer = Address::from(UnixAddress::Unnamed);
        switch.do_start();
        drop(switch.build_protocol(&peer));
        switch.put(two.clone()).unwrap();
        drop(switch.build_protocol(&peer));
        assert_eq!((one.0.get(), two.0.get(), one.1.get(), two.1.get()), (0, 1, 1, 1));
        switch.do_stop().unwrap();
        assert_eq!(two.0.get(), 0);
    }

    #[test]
    fn a_port_that_waits_for_a_place_looks_again_after_the_switch() {
        let (woken, discard) =
            (Arc::new(Woken::default()), protocol::factory_fn(|_| protocol::wire::Discard));
        let switch =
            SwitchFactory::new(LimitTotalConnectionsFactory::new(discard.clone(), 0).into_rc());
        let waker = Waker::from(woken.clone());
        assert!(switch.poll_ready(0, &waker).is_pending());
        switch.put(discard).unwrap();
        assert_eq!(woken.0.load(Ordering::Relaxed), 1);
        assert!(switch.poll_ready(0, &waker).is_ready());
    }
}
