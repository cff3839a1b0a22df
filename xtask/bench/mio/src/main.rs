//! The bench's server on mio alone: an edge-triggered loop with one buffer for all connections.
//!
//! Invariant: a connection is left only when its socket would block.

mod connection;

use std::error::Error;
use std::io;

use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};
use peer::PIECE;

use connection::{Connection, Goes};

const LISTENER: Token = Token(usize::MAX);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = peer::arguments();
    let mut poll = Poll::new()?;
    // The backlog of mio's own listener is 1024.
    let mut listener = TcpListener::bind(([127, 0, 0, 1], 0).into())?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    peer::ready(listener.local_addr()?.port());
    let mut events = Events::with_capacity(1024);
    let mut connections: Vec<Option<Connection>> = Vec::new();
    let mut free: Vec<usize> = Vec::new();
    let mut buffer = vec![0; PIECE];
    loop {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            polled => polled?,
        }
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut stream, _peer)) = listener.accept() {
                    stream.set_nodelay(true)?;
                    let at = free.pop().unwrap_or(connections.len());
                    let interest = Interest::READABLE | Interest::WRITABLE;
                    poll.registry().register(&mut stream, Token(at), interest)?;
                    let connection = Some(Connection::new(stream, arguments.mode));
                    match connections.get_mut(at) {
                        Some(slot) => *slot = connection,
                        None => connections.push(connection),
                    }
                }
                continue;
            }
            let at = event.token().0;
            let Some(slot) = connections.get_mut(at) else { continue };
            let Some(connection) = slot else { continue };
            if connection.ready(event, &mut buffer) == Goes::Away {
                *slot = None;
                free.push(at);
            }
        }
    }
}
