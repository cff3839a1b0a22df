//! Many persistent connections, and the loop that serves them.
//!
//! Invariant: a window begins and ends with no exchange under way, so that all of the server's work in
//! it belongs to the counted exchanges.

use std::error::Error;
use std::io;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};

use crate::arguments::Options;
use crate::content::Content;
use crate::exchange::{Exchange, Progress, Shape};
use crate::link::Dialer;

/// The number of connections after which the load waits for the server to accept them: less than the
/// backlog.
const BATCH: usize = 128;

/// A server that does not answer for this long is broken.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Crowd {
    poll: Poll,
    events: Events,
    exchanges: Vec<Exchange>,
    buffer: Vec<u8>,
}

/// The work of a window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Done {
    pub(crate) exchanges: u64,
    pub(crate) time: Duration,
}

impl Crowd {
    /// Opens the connections; `contents` returns the bytes of both directions by a connection's number.
    pub(crate) fn gather(
        options: &Options,
        contents: impl Fn(usize) -> (Content, Content),
    ) -> Result<Self, Box<dyn Error>> {
        let mut crowd = Self {
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            exchanges: Vec::with_capacity(options.connections),
            buffer: vec![0; 256 * 1024],
        };
        let mut dialer = Dialer::new(options)?;
        while crowd.exchanges.len() < options.connections {
            let first = crowd.exchanges.len();
            for number in first..options.connections.min(first + BATCH) {
                let (up, down) = contents(number);
                let mut link = dialer.dial()?;
                let interest = Interest::READABLE | Interest::WRITABLE;
                crowd.poll.registry().register(link.stream(), Token(number), interest)?;
                crowd.exchanges.push(Exchange::new(link, up, down));
            }
            crowd.stand(first)?;
        }
        Ok(crowd)
    }

    /// Waits until the connections from `first` on are established, with TLS if it is used.
    fn stand(&mut self, first: usize) -> Result<(), Box<dyn Error>> {
        let mut waiting: Vec<usize> = (first..self.exchanges.len()).collect();
        let until = Instant::now() + PATIENCE;
        loop {
            let mut still = Vec::new();
            for number in waiting {
                let link = &mut self.exchanges[number].link;
                if link.stream().peer_addr().is_err() || !link.shake_hands()? {
                    still.push(number);
                }
            }
            if still.is_empty() {
                return Ok(());
            }
            if Instant::now() > until {
                return Err(format!("{} connections do not stand", still.len()).into());
            }
            waiting = still;
            self.wait()?;
        }
    }

    /// Makes exchanges on all connections until the time is over and the last is done.
    pub(crate) fn run(&mut self, shape: &Shape, time: Duration) -> Result<Done, Box<dyn Error>> {
        let begun = Instant::now();
        let mut done = Done { exchanges: 0, time };
        let mut busy = 0;
        for number in 0..self.exchanges.len() {
            self.exchanges[number].begin(shape);
            busy += 1;
            busy -= self.serve(number, shape, Next::Another, &mut done)?;
        }
        while busy > 0 {
            self.wait()?;
            let next = if begun.elapsed() < time { Next::Another } else { Next::None };
            let events = std::mem::replace(&mut self.events, Events::with_capacity(0));
            for event in &events {
                busy -= self.serve(event.token().0, shape, next, &mut done)?;
            }
            self.events = events;
        }
        done.time = begun.elapsed();
        Ok(done)
    }

    /// Makes one exchange on each of the connections, a few at a time.
    pub(crate) fn once(&mut self, shape: &Shape) -> Result<(), Box<dyn Error>> {
        const AT_A_TIME: usize = 32;
        let mut done = Done { exchanges: 0, time: Duration::ZERO };
        for first in (0..self.exchanges.len()).step_by(AT_A_TIME) {
            let mut busy = 0;
            for number in first..self.exchanges.len().min(first + AT_A_TIME) {
                self.exchanges[number].begin(shape);
                busy += 1;
                busy -= self.serve(number, shape, Next::None, &mut done)?;
            }
            while busy > 0 {
                self.wait()?;
                let events = std::mem::replace(&mut self.events, Events::with_capacity(0));
                for event in &events {
                    busy -= self.serve(event.token().0, shape, Next::None, &mut done)?;
                }
                self.events = events;
            }
        }
        Ok(())
    }

    /// The cipher suite of the first connection, with TLS.
    pub(crate) fn suite(&self) -> Option<String> {
        self.exchanges.first()?.link.suite()
    }

    /// Continues one connection. Returns the number of exchanges that ended without a successor.
    fn serve(
        &mut self,
        number: usize,
        shape: &Shape,
        next: Next,
        done: &mut Done,
    ) -> Result<usize, Box<dyn Error>> {
        let exchange = &mut self.exchanges[number];
        if !exchange.is_under_way() {
            return match exchange.has_ended(&mut self.buffer)? {
                true => Err("the server closed a connection".into()),
                false => Ok(0),
            };
        }
        loop {
            match exchange.go_on(&mut self.buffer)? {
                Progress::Waits => return Ok(0),
                Progress::Done => done.exchanges += 1,
            }
            match next {
                Next::Another => exchange.begin(shape),
                Next::None => return Ok(1),
            }
        }
    }

    /// Waits until the server has closed every connection without sending a byte.
    pub(crate) fn hold(&mut self) -> Result<(), Box<dyn Error>> {
        let mut open = vec![true; self.exchanges.len()];
        let mut left = open.len();
        while left > 0 {
            self.poll.poll(&mut self.events, None)?;
            for event in &self.events {
                let number = event.token().0;
                // A server that exits resets connections with unread bytes; that is an end too.
                if open[number]
                    && self.exchanges[number].has_ended(&mut self.buffer).unwrap_or(true)
                {
                    open[number] = false;
                    left -= 1;
                }
            }
        }
        Ok(())
    }

    fn wait(&mut self) -> Result<(), Box<dyn Error>> {
        match self.poll.poll(&mut self.events, Some(PATIENCE)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(error.into()),
            Ok(()) if self.events.is_empty() => Err("the server does not answer".into()),
            Ok(()) => Ok(()),
        }
    }
}

/// The continuation after an exchange.
#[derive(Clone, Copy, Debug)]
enum Next {
    Another,
    None,
}
