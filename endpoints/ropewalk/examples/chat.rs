//! A chat for clients of any wire: each guest gives a name, and each line goes to all guests.
//!
//! ```text
//! cargo run --package ropewalk --example chat -- 300 tcp:7000 unix:/tmp/chat.sock ssl:7001:privateKey=server.pem
//! ```
//!
//! The first argument is the number of seconds for which a guest may be silent.

use std::env::args;
use std::error::Error;
use std::rc::Rc;
use std::time::Duration;

use ropewalk::interfaces::printable;
use ropewalk::prelude::*;
use ropewalk::protocol::policies::{TimeoutFactory, Timeouts};
use ropewalk::protocol::receivers::{LineOnlyProtocol, LineOnlyReceiver, LineOnlyTransport};
use ropewalk::runner::Exit;

struct Guest {
    room: TransportGroup,
    name: Option<String>,
}

impl LineOnlyReceiver for Guest {
    fn connection_made(&mut self, transport: &Rc<LineOnlyTransport>) {
        transport.send_line(b"Who are you?");
    }

    fn line_received(&mut self, transport: &Rc<LineOnlyTransport>, line: &[u8]) {
        let line = printable(line).to_string();
        if let Some(name) = &self.name {
            return self.room.write(format!("{name}: {line}\r\n").as_bytes());
        }
        self.room.add(transport.as_transport());
        self.room.write(format!("{line} is here\r\n").as_bytes());
        self.name = Some(line);
    }

    fn connection_lost(&mut self, _: &Rc<LineOnlyTransport>, _: &Reason) {
        let Some(name) = &self.name else { return };
        self.room.write(format!("{name} is gone\r\n").as_bytes());
    }
}

fn main() -> Result<Exit, Box<dyn Error>> {
    let idle = args().nth(1).ok_or("the first argument is a number of seconds")?.parse()?;
    let limits = Timeouts::default().with_idle(Some(Duration::from_secs(idle)));
    let reactor = Reactor::new()?;
    // A guest who does not read loses the connection when this much waits; the others do not wait.
    let room = TransportGroup::with_cap(64 * 1024);
    let guests = LineOnlyProtocol::factory(move |_| Guest { room: room.clone(), name: None });
    let factory = TimeoutFactory::with_timeouts(guests.into_rc(), reactor.clone(), limits);
    Ok(ropewalk::serve(reactor, args().skip(2), factory.into_rc()))
}
