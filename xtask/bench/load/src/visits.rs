//! Connections that make one exchange each: the cost of accepting, closing and handshakes.
//!
//! Invariant: as in a crowd, a window begins and ends with no visit under way.

use std::error::Error;
use std::io;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};
use serde_json::Value;

use crate::arguments::{Closes, Options};
use crate::content::Content;
use crate::crowd::Done;
use crate::exchange::{Exchange, Progress, Shape};
use crate::link::Dialer;
use crate::{process, tasks};

/// A server that does not answer for this long is broken.
const PATIENCE: Duration = Duration::from_secs(20);

/// Makes visits; the options have the number of simultaneous ones.
pub(crate) fn visit(options: &Options) -> Result<Value, Box<dyn Error>> {
    let mut visitors = Visitors::new(options)?;
    visitors.run(options.warm_up)?;
    visitors.resumed_only = options.resume;
    let before = process::quiet_time(options.pid)?;
    let own_before = process::time(std::process::id())?;
    let done = visitors.run(options.time)?;
    let own = process::time(std::process::id())? - own_before;
    let server = process::quiet_time(options.pid)? - before;
    let bytes = options.bytes as u64 * done.exchanges;
    Ok(tasks::result(done, bytes, server, own, visitors.suite))
}

struct Visitors {
    poll: Poll,
    events: Events,
    dialer: Dialer,
    visits: Vec<Option<Exchange>>,
    shape: Shape,
    closes: Closes,
    resumed_only: bool,
    /// The cipher suite of the last visit, with TLS.
    suite: Option<String>,
    buffer: Vec<u8>,
}

impl Visitors {
    fn new(options: &Options) -> Result<Self, Box<dyn Error>> {
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            dialer: Dialer::new(options)?,
            visits: (0..options.connections).map(|_| None).collect(),
            shape: Shape { up: options.bytes, down: options.bytes },
            closes: options.closes,
            resumed_only: false,
            suite: None,
            buffer: vec![0; 64 * 1024],
        })
    }

    fn run(&mut self, time: Duration) -> Result<Done, Box<dyn Error>> {
        let begun = Instant::now();
        let mut done = Done { exchanges: 0, time };
        for number in 0..self.visits.len() {
            self.come(number)?;
        }
        let mut busy = self.visits.len();
        while busy > 0 {
            match self.poll.poll(&mut self.events, Some(PATIENCE)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                polled => polled?,
            }
            if self.events.is_empty() {
                return Err("the server does not answer".into());
            }
            let over = begun.elapsed() >= time;
            let events = std::mem::replace(&mut self.events, Events::with_capacity(0));
            for event in &events {
                let number = event.token().0;
                if !self.is_over(number)? {
                    continue;
                }
                done.exchanges += 1;
                if over {
                    busy -= 1;
                } else {
                    self.come(number)?;
                }
            }
            self.events = events;
        }
        done.time = begun.elapsed();
        Ok(done)
    }

    fn come(&mut self, number: usize) -> Result<(), Box<dyn Error>> {
        let mut link = self.dialer.dial()?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(link.stream(), Token(number), interest)?;
        let content = Content::stream_of(number);
        let mut visit = Exchange::new(link, content.clone(), content);
        visit.begin(&self.shape);
        self.visits[number] = Some(visit);
        Ok(())
    }

    /// Continues one visit, and ends it when its exchange is done.
    fn is_over(&mut self, number: usize) -> Result<bool, Box<dyn Error>> {
        let Some(visit) = &mut self.visits[number] else { return Ok(false) };
        if visit.is_under_way() {
            if !visit.link.shake_hands()? || visit.go_on(&mut self.buffer)? == Progress::Waits {
                return Ok(false);
            }
            if self.resumed_only && !visit.link.was_resumed() {
                return Err("a handshake was a full one that should have been resumed".into());
            }
        }
        self.suite = visit.link.suite();
        match self.closes {
            Closes::Client => visit.link.say_goodbye()?,
            Closes::Server if !visit.has_ended(&mut self.buffer)? => return Ok(false),
            Closes::Server => {}
        }
        self.visits[number] = None;
        Ok(true)
    }
}
