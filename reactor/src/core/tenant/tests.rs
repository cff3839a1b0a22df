//! A tenant that no other file knows: what the loop does with a new kind.
//!
//! Invariant: beside its variant of [`Kind`], this file alone names the dummy.

use std::cell::RefCell;
use std::time::Duration;

use super::*;
use crate::Reactor;
use crate::kernel::Kernel;
use crate::simulated::Simulated;

type Log = Rc<RefCell<Vec<&'static str>>>;

/// Notes what it is told.
struct Dummy {
    token: Token,
    log: Log,
}

impl Dummy {
    /// In a slot of this reactor.
    fn on(reactor: &Reactor<Simulated>, log: &Log) -> Rc<Self> {
        reactor.core().settle(|token| Rc::new(Self { token, log: log.clone() }))
    }
}

impl Tenant<Simulated> for Dummy {
    fn ready(self: Rc<Self>, core: &Core<Simulated>, ready: Ready, buffer: &mut [u8]) {
        assert_eq!((ready.token, buffer.len()), (self.token, core.limits.read_buffer_bytes));
        self.log.borrow_mut().push("ready");
    }

    fn stop(self: Rc<Self>, core: &Core<Simulated>) {
        self.log.borrow_mut().push("stop");
        drop(core.remove(self.token));
    }

    fn abandon(&self, _: &Simulated) {
        self.log.borrow_mut().push("abandon");
    }

    fn unlist(&self) {
        self.log.borrow_mut().push("unlist");
    }

    fn kind(&self) -> Kind {
        Kind::Dummy
    }
}

#[test]
fn a_new_kind_of_tenant_is_served_and_stopped_and_no_other_file_knows_it() {
    let (reactor, log) = (Reactor::simulated(1), Log::default());
    let dummy = Dummy::on(&reactor, &log);
    reactor.core().list_still_ready(dummy.token);
    reactor.turn(Some(Duration::ZERO)).expect("it turns");
    assert_eq!(log.take(), ["unlist", "ready"]);
    reactor.turn(Some(Duration::ZERO)).expect("it turns");
    assert!(log.borrow().is_empty(), "it is on no list any more");
    assert!(reactor.core().has_kind(Kind::Dummy));
    reactor.disconnect_all();
    assert_eq!(log.take(), ["stop"]);
    assert!(!reactor.core().has_kind(Kind::Dummy));
    assert_eq!(reactor.counts(), Counts::default());
}

#[test]
fn a_new_kind_of_tenant_is_closed_when_its_reactor_is_dropped() {
    let (reactor, log) = (Reactor::simulated(1), Log::default());
    drop(Dummy::on(&reactor, &log));
    drop(reactor);
    assert_eq!(log.take(), ["abandon"]);
}

#[test]
fn a_slot_is_no_larger_than_a_stream_in_it() {
    assert_eq!(size_of::<Slot<Kernel>>(), 24);
    assert_eq!(size_of::<Slot<Kernel>>(), size_of::<Running<Kernel>>());
}
