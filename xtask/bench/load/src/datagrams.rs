//! Sockets with one datagram at a time, each echoed by the server.
//!
//! Invariant: an answer counts when it is the datagram that was sent, and one that does not come is sent
//! for again.

use std::error::Error;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};
use serde_json::Value;

use crate::arguments::Options;
use crate::crowd::Done;
use crate::process;
use crate::tasks::result;

/// After this time without any answer, all that is under way counts as lost.
const LOST: Duration = Duration::from_millis(200);

/// A server that does not answer for this long is broken.
const PATIENCE: Duration = Duration::from_secs(20);

struct Clients {
    poll: Poll,
    events: Events,
    sockets: Vec<UdpSocket>,
    /// The datagram of each, and whether its answer is due.
    messages: Vec<(Vec<u8>, bool)>,
    buffer: Vec<u8>,
}

/// Datagrams of one size, each echoed.
pub(crate) fn echo(options: &Options) -> Result<Value, Box<dyn Error>> {
    let mut clients = Clients::open(options)?;
    clients.run(options.warm_up)?;
    let before = process::quiet_time(options.pid)?;
    let own_before = process::time(std::process::id())?;
    let done = clients.run(options.time)?;
    let own = process::time(std::process::id())? - own_before;
    let server = process::quiet_time(options.pid)? - before;
    Ok(result(done, options.bytes as u64 * done.exchanges, server, own, None))
}

impl Clients {
    fn open(options: &Options) -> Result<Self, Box<dyn Error>> {
        let mut clients = Self {
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            sockets: Vec::new(),
            messages: Vec::new(),
            buffer: vec![0; 64 * 1024],
        };
        for number in 0..options.connections {
            let mut socket = UdpSocket::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
            socket.connect(options.server)?;
            clients.poll.registry().register(&mut socket, Token(number), Interest::READABLE)?;
            clients.sockets.push(socket);
            let byte = |at: usize| (at * 31 + number * 7) as u8;
            clients.messages.push(((0..options.bytes.max(8)).map(byte).collect(), false));
        }
        Ok(clients)
    }

    /// Exchanges until the time is over, and waits for the last answers.
    fn run(&mut self, time: Duration) -> Result<Done, Box<dyn Error>> {
        let (begun, mut done) = (Instant::now(), Done { exchanges: 0, time });
        (0..self.sockets.len()).try_for_each(|number| self.ask(number))?;
        let mut last_answer = Instant::now();
        while self.messages.iter().any(|(_, is_due)| *is_due) {
            self.poll.poll(&mut self.events, Some(LOST))?;
            let ready: Vec<usize> = self.events.iter().map(|event| event.token().0).collect();
            for number in &ready {
                if self.take_answers(*number)? {
                    done.exchanges += 1;
                    last_answer = Instant::now();
                    if begun.elapsed() < time {
                        self.ask(*number)?;
                    }
                }
            }
            if last_answer.elapsed() > PATIENCE {
                return Err("the server does not answer".into());
            }
            if ready.is_empty() {
                let lost = (0..self.messages.len()).filter(|number| self.messages[*number].1);
                lost.collect::<Vec<_>>().into_iter().try_for_each(|number| self.ask(number))?;
            }
        }
        done.time = begun.elapsed();
        Ok(done)
    }

    /// Sends the next datagram of a socket: another number, and the same bytes.
    fn ask(&mut self, number: usize) -> io::Result<()> {
        let (message, is_due) = &mut self.messages[number];
        if !*is_due {
            let count = u64::from_le_bytes(message[..8].try_into().expect("it has eight"));
            message[..8].copy_from_slice(&count.wrapping_add(1).to_le_bytes());
            *is_due = true;
        }
        self.sockets[number].send(message).map(drop)
    }

    /// Whether the answer that is due has come. Earlier ones, which were sent for twice, are dropped.
    fn take_answers(&mut self, number: usize) -> Result<bool, Box<dyn Error>> {
        let mut has_come = false;
        loop {
            match self.sockets[number].recv(&mut self.buffer) {
                Ok(length) => {
                    let (message, is_due) = &mut self.messages[number];
                    if self.buffer[..length] == message[..] {
                        has_come |= std::mem::take(is_due);
                    } else if self.buffer[8..length] != message[8..] {
                        return Err("another datagram came back".into());
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(has_come),
                Err(error) => return Err(error.into()),
            }
        }
    }
}
