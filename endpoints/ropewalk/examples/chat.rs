//! A chat for clients of any wire: each guest gives a name, and each line goes to all guests.
//!
//! ```text
//! cargo run --package ropewalk --example chat -- 300 tcp:7000 unix:/tmp/chat.sock ssl:7001:privateKey=server.pem
//! ```
//!
//! The first argument is the number of seconds for which a guest may be silent.
#![allow(clippy::print_stdout, reason = "it is a program")]

use std::cell::RefCell;
use std::env::args;
use std::error::Error;
use std::rc::Rc;
use std::time::Duration;

use ropewalk::interfaces::{BufferLimits, printable};
use ropewalk::prelude::*;
use ropewalk::protocol::policies::{TimeoutFactory, Timeouts};
use ropewalk::protocol::receivers::{LineOnlyProtocol, LineOnlyReceiver, LineOnlyTransport};

/// A guest who does not read loses the connection when this much waits; the others do not wait.
const UNREAD_BYTES_MAX: usize = 64 * 1024;

struct Guest {
    room: Rc<RefCell<Vec<Rc<LineOnlyTransport>>>>,
    name: Option<String>,
}

impl Guest {
    fn say(&self, text: &str) {
        let guests = self.room.borrow().clone();
        guests.iter().for_each(|guest| guest.send_line(text.as_bytes()));
    }
}

impl LineOnlyReceiver for Guest {
    fn connection_made(&mut self, transport: &Rc<LineOnlyTransport>) {
        transport.set_buffer_limits(BufferLimits::default().with_cap(UNREAD_BYTES_MAX));
        transport.send_line(b"Who are you?");
    }

    fn line_received(&mut self, transport: &Rc<LineOnlyTransport>, line: &[u8]) {
        let line = printable(line).to_string();
        match &self.name {
            Some(name) => self.say(&format!("{name}: {line}")),
            None => {
                self.room.borrow_mut().push(transport.clone());
                self.say(&format!("{line} is here"));
                self.name = Some(line);
            }
        }
    }

    fn connection_lost(&mut self, transport: &Rc<LineOnlyTransport>, _: &Reason) {
        self.room.borrow_mut().retain(|guest| !Rc::ptr_eq(guest, transport));
        if let Some(name) = &self.name {
            self.say(&format!("{name} is gone"));
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let idle = args().nth(1).ok_or("the first argument is a number of seconds")?.parse()?;
    let timeouts = Timeouts::default().with_idle(Some(Duration::from_secs(idle)));
    let reactor = Reactor::new()?;
    reactor.stop_on_signals()?;
    let registry = ropewalk::registry(reactor.clone());
    let room = Rc::default();
    let guests = LineOnlyProtocol::factory(move |_| Guest { room: Rc::clone(&room), name: None });
    let factory = TimeoutFactory::with_timeouts(guests.into_rc(), reactor.clone(), timeouts);
    let factory = factory.into_rc();
    for endpoint in args().skip(2) {
        if let Ok(port) = registry.server(&endpoint)?.listen(factory.clone()).try_into_result() {
            println!("listening {}", port?.host());
        }
    }
    Ok(reactor.run()?)
}
