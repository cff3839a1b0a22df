//! The rules that hold in every case, checked on every event of every connection.
//!
//! Invariant: the checker sees events as the transport delivers them, before a mailbox can reorder them.
//!
//! The rules: no callback runs inside another one of the same connection, and so none inside a
//! transport call of a callback; `connection_made` comes first and once; nothing comes after
//! `connection_lost`.

use std::rc::Rc;

use interfaces::{Deliver, Event, ReadingRoles};
use protocol::ProtocolRef;

use crate::suite::Probe;
use crate::suite::probe::Call;
use crate::suite::script::{Script, Scripted};

/// Checks the events between a transport and a scripted protocol.
pub(crate) struct OrderChecker {
    running: ProtocolRef<Scripted>,
    probe: Rc<Probe>,
    name: Option<&'static str>,
}

impl OrderChecker {
    pub(crate) fn new(script: Script, probe: Rc<Probe>) -> Self {
        let name = script.name();
        let running = ProtocolRef::new(Scripted { script, probe: probe.clone() });
        Self { running, probe, name }
    }

    fn check_order(&self, call: Call) {
        match call {
            Call::Made if self.probe.is_made() => {
                self.probe.fault("connection_made came twice".into());
            }
            Call::Data | Call::ReadLost | Call::WriteLost | Call::Handshake
                if !self.probe.is_made() =>
            {
                self.probe.fault(format!("{call:?} came before connection_made"));
            }
            _ if self.probe.is_lost() => {
                self.probe.fault(format!("{call:?} came after connection_lost"));
            }
            _ => {}
        }
    }
}

impl Deliver for OrderChecker {
    fn deliver(&self, event: Event<'_>) {
        let Some(call) = call_of(&event) else {
            self.running.as_deliver().deliver(event);
            return;
        };
        self.check_order(call);
        let outer = self.probe.enter(Some(call));
        if let Some(outer) = outer {
            self.probe.fault(format!("{call:?} was delivered inside {outer:?}"));
        }
        let _leave = Leave { probe: &self.probe, outer };
        self.running.as_deliver().deliver(event);
    }

    fn log_prefix(&self) -> &'static str {
        self.name.unwrap_or_else(|| self.running.as_deliver().log_prefix())
    }

    fn is_half_closeable(&self) -> bool {
        self.running.as_deliver().is_half_closeable()
    }

    fn reading_roles(&self) -> ReadingRoles {
        self.running.as_deliver().reading_roles()
    }
}

/// Marks the end of a callback, also after a panic.
struct Leave<'a> {
    probe: &'a Probe,
    outer: Option<Call>,
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.probe.enter(self.outer);
    }
}

fn call_of(event: &Event<'_>) -> Option<Call> {
    Some(match event {
        Event::ConnectionMade(_) => Call::Made,
        Event::DataReceived(_) => Call::Data,
        Event::ReadConnectionLost => Call::ReadLost,
        Event::WriteConnectionLost => Call::WriteLost,
        Event::HandshakeCompleted => Call::Handshake,
        Event::ConnectionLost(_) => Call::Lost,
        _ => return None,
    })
}
