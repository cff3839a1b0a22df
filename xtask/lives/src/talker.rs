//! The protocol of both ends: it does what its plan says, and checks every byte that it gets.
//!
//! Invariant: it is called as `Protocol` promises; every promise that can be seen from here is
//! asserted.

use std::rc::Rc;
use std::time::Duration;

use interfaces::{
    BufferLimits, Deliver, HalfCloseableProtocol, Producer, Protocol, Reason, Transport,
};
use protocol::{ProtocolRef, WeakProtocolRef};

use crate::ledger::CLIENT;
use crate::outlet::{Outlet, Pulled};
use crate::plan::{Ending, Plan, Source, pattern};
use crate::rig::Rig;

/// What a panic that belongs to the plan says.
pub(crate) const PLANNED_PANIC: &str = "as planned";

pub(crate) struct Talker {
    me: WeakProtocolRef<Self>,
    outlet: Rc<Outlet>,
    /// The life's number where it does not follow from the connection's port.
    known_life: Option<u64>,
    received: usize,
    is_paused: bool,
    hears_no_more: bool,
}

impl Talker {
    pub(crate) fn running(
        rig: &Rc<Rig>,
        plan: Plan,
        side: usize,
        known_life: Option<u64>,
    ) -> Rc<dyn Deliver> {
        let outlet = Outlet::new(rig, plan, side);
        let talker = ProtocolRef::new_cyclic(|me| Self {
            me: me.clone(),
            outlet,
            known_life,
            received: 0,
            is_paused: false,
            hears_no_more: false,
        });
        rig.talkers.borrow_mut().push(talker.downgrade());
        talker.as_deliver()
    }

    fn start(&mut self, transport: &Rc<dyn Transport>) {
        let outlet = &self.outlet;
        if outlet.plan.sets_limits {
            let limits = BufferLimits::default().with_high_water(outlet.plan.high_water);
            transport.set_buffer_limits(limits);
        }
        match outlet.plan.source {
            Source::AtOnce => outlet.write_all(),
            Source::Timers => self.tick_later(),
            Source::Replies => {
                outlet.write_piece();
                self.tick_later();
            }
            Source::Push | Source::PushWhileClosing => {
                outlet.begin_producing();
                let producer = Producer::Push(outlet.clone());
                transport.register_producer(producer).expect("the first one");
                match (outlet.plan.source, outlet.plan.ending) {
                    (Source::PushWhileClosing, Ending::HalfClose) => outlet.half_close(transport),
                    (Source::PushWhileClosing, _) => {
                        self.hears_no_more = true;
                        outlet.lose(transport);
                    }
                    _ => {}
                }
                self.tick_later();
            }
            Source::Pull => {
                outlet.begin_producing();
                let producer = Producer::Pull(Rc::new(Pulled(outlet.clone())));
                transport.register_producer(producer).expect("the first one");
            }
        }
    }

    /// A client whose plan waits for more than the server sends ends all the same.
    fn end_if_nothing_comes(&self) {
        let waits = matches!(
            self.outlet.plan.ending,
            Ending::LoseInside(_) | Ending::AbortInside(_) | Ending::PanicInside(_)
        );
        if self.outlet.side == CLIENT && waits {
            let me = self.me.clone();
            self.later(1000, move || {
                me.enter_with(|talker, transport| {
                    talker.hears_no_more = true;
                    talker.outlet.lose(transport);
                });
            });
        }
    }

    /// Writes from a timer, again and again until all is written.
    fn tick_later(&self) {
        if self.outlet.is_finished() && self.outlet.plan.bytes > 0 {
            return;
        }
        let me = self.me.clone();
        self.later(20, move || {
            me.enter(|talker| {
                let was_paused = talker.outlet.is_paused();
                if !was_paused {
                    talker.outlet.write_piece();
                }
                // An end that has nothing to write ends with a write, too.
                if talker.outlet.is_open() && (was_paused || !talker.outlet.is_finished()) {
                    talker.tick_later();
                }
            });
        });
    }

    fn later(&self, millis_max: usize, call: impl FnOnce() + 'static) {
        let rig = &self.outlet.rig;
        let delay = Duration::from_millis(rig.dice.below(millis_max) as u64);
        rig.reactor.call_later(delay, call);
    }

    fn check(&mut self, data: &[u8]) {
        let (life, from) = (self.outlet.life(), 1 - self.outlet.side);
        for &byte in data {
            let right = pattern(life, from, self.received);
            if byte != right {
                self.outlet.rig.fail(format!(
                    "life {life:#x}: side {from} sent another byte than {byte:#x} at {}",
                    self.received
                ));
            }
            self.received += 1;
        }
        self.outlet.record(|end| end.received += data.len());
    }

    /// What the plan does in the middle of things. Answers whether that was the end.
    fn act_inside(&mut self, transport: &Rc<dyn Transport>) -> bool {
        match self.outlet.plan.ending {
            Ending::LoseInside(after) if self.received >= after => {
                self.hears_no_more = true;
                self.outlet.lose(transport);
            }
            Ending::AbortInside(after) if self.received >= after => {
                self.hears_no_more = true;
                self.outlet.abort(transport);
            }
            Ending::PanicInside(after) if self.received >= after => {
                self.hears_no_more = true;
                self.outlet.close();
                self.outlet.record(|end| end.broke_it = true);
                // Not `panic!`, which would print.
                std::panic::resume_unwind(Box::new(PLANNED_PANIC));
            }
            _ => return false,
        }
        true
    }

    fn pause(&mut self, transport: &Rc<dyn Transport>) {
        self.is_paused = true;
        transport.pause_producing();
        let me = self.me.clone();
        self.later(50, move || {
            me.enter_with(|talker, transport| {
                talker.is_paused = false;
                transport.resume_producing();
            });
        });
    }

    /// Has another connection write, from inside this callback.
    fn nudge(&self) {
        let rig = &self.outlet.rig;
        let other = {
            let talkers = rig.talkers.borrow();
            talkers[rig.dice.below(talkers.len())].clone()
        };
        other.enter(|talker| {
            if !talker.outlet.is_paused() {
                talker.outlet.write_piece();
            }
        });
    }

    fn expect_calls(&self, what: &str) {
        if self.hears_no_more {
            self.outlet.rig.fail(format!("life {:#x}: {what} after the end", self.outlet.life()));
        }
    }
}

impl Protocol for Talker {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        let port = || {
            let (host, peer) = (transport.host(), transport.peer());
            let client = if self.outlet.side == CLIENT { host } else { peer };
            let family = u64::from(matches!(client, interfaces::Address::Ipv6(_)));
            (family << 16) | u64::from(client.port().expect("TCP has ports"))
        };
        let life = self.known_life.unwrap_or_else(port);
        self.outlet.open(life, transport);
        let half_closeable = self.outlet.plan.half_closeable;
        self.outlet.record(|end| {
            end.made += 1;
            end.half_closeable = half_closeable;
        });
        self.end_if_nothing_comes();
        self.start(transport);
        if let Ending::LoseInside(0) | Ending::AbortInside(0) = self.outlet.plan.ending {
            self.act_inside(transport);
        }
    }

    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        self.expect_calls("data");
        if self.is_paused {
            self.outlet.rig.fail(format!("life {:#x}: data while paused", self.outlet.life()));
        }
        self.check(data);
        if self.act_inside(transport) {
            return;
        }
        if self.outlet.plan.source == Source::Replies && !self.outlet.is_finished() {
            self.outlet.write_piece();
        }
        if self.outlet.plan.nudges {
            self.nudge();
        }
        if self.outlet.plan.pauses && self.outlet.rig.dice.one_in(4) {
            self.pause(transport);
        }
    }

    fn connection_lost(&mut self, _: &Rc<dyn Transport>, reason: &Reason) {
        self.outlet.close();
        let reason = reason.clone();
        self.outlet.record(|end| {
            end.lost += 1;
            end.reason = Some(reason);
        });
        // In the middle of a turn, so that the slot has another tenant in the same turn.
        self.outlet.rig.begin_waiting();
    }

    fn as_half_closeable(&mut self) -> Option<&mut dyn HalfCloseableProtocol> {
        if self.outlet.plan.half_closeable { Some(self) } else { None }
    }
}

impl HalfCloseableProtocol for Talker {
    fn read_connection_lost(&mut self, transport: &Rc<dyn Transport>) {
        self.expect_calls("end of file");
        self.outlet.record(|end| end.heard_end = true);
        self.outlet.peer_finished(transport);
        self.hears_no_more = true;
        self.finish_later();
    }
}

impl Talker {
    /// After the peer's end of file, the rest is written from timers, and then it ends.
    fn finish_later(&self) {
        let me = self.me.clone();
        self.later(20, move || {
            me.enter_with(|talker, transport| {
                if talker.outlet.is_finished() {
                    talker.outlet.lose(transport);
                } else {
                    talker.finish_later();
                }
            });
        });
    }
}
