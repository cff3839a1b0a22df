//! Processes: what comes by the standard three descriptors reaches the methods that are named for them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use interfaces::{
    ChildDescriptor, ChildDescriptors, ProcessProtocol, ProcessReason, ProcessTransport,
    ReactorProcess as _, Reason,
};
use ropewalk_reactor::{Counts, Reactor};

use crate::support::program::script;
use crate::support::turn_until;

/// Notes which of the methods of its descriptors was called; those of all descriptors are the trait's own.
#[derive(Clone, Default)]
struct Child(Rc<RefCell<Vec<String>>>);

impl Child {
    fn note(&self, line: impl Into<String>) {
        self.0.borrow_mut().push(line.into());
    }
}

impl ProcessProtocol for Child {
    fn out_received(&mut self, _: &Rc<dyn ProcessTransport>, data: &[u8]) {
        self.note(format!("out {}", data.escape_ascii()));
    }

    fn err_received(&mut self, _: &Rc<dyn ProcessTransport>, data: &[u8]) {
        self.note(format!("err {}", data.escape_ascii()));
    }

    fn in_connection_lost(&mut self, _: &Rc<dyn ProcessTransport>, _: &Reason) {
        self.note("in lost");
    }

    fn out_connection_lost(&mut self, _: &Rc<dyn ProcessTransport>, _: &Reason) {
        self.note("out lost");
    }

    fn err_connection_lost(&mut self, _: &Rc<dyn ProcessTransport>, _: &Reason) {
        self.note("err lost");
    }

    fn process_ended(&mut self, _: &Rc<dyn ProcessTransport>, _: &ProcessReason) {
        self.note("ended");
    }
}

#[test]
fn each_of_the_standard_descriptors_has_its_methods_and_any_other_is_ignored() {
    let reactor = Reactor::new().unwrap();
    let log = Child::default();
    let (to, from) = (ChildDescriptor::PipeToChild, || ChildDescriptor::PipeFromChild);
    let descriptors =
        BTreeMap::from_iter([(0, to), (1, from()), (2, from()), (3, from()), (4, from())]);
    let options = script("echo three >&3; echo four >&4; printf out; printf err >&2")
        .with_descriptors(ChildDescriptors::Each(descriptors));
    reactor.spawn_process(&options, Box::new(log.clone())).unwrap();
    turn_until(&reactor, "the process ended", || log.0.borrow().iter().any(|it| it == "ended"));
    let mut lines = log.0.borrow().clone();
    assert_eq!(lines.pop().as_deref(), Some("ended"));
    lines.sort();
    assert_eq!(lines, ["err err", "err lost", "in lost", "out lost", "out out"]);
    assert_eq!(reactor.counts(), Counts::default());
}
