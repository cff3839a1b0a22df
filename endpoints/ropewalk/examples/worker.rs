//! A worker that drains: after SIGTERM it takes no more jobs, ends those that it has, and exits with 0.
//!
//! ```text
//! $ cargo run --example worker -- tcp:7007:interface=127.0.0.1 worker.pid
//! $ echo 5000 | nc 127.0.0.1 7007 &     a job of 5 seconds
//! $ kill $(cat worker.pid)              the port is closed at once
//! done                                  the job is not cut off
//! ```
//!
//! A job that takes longer than the grace of 10 seconds is cut off, and a second signal cuts off all.
//!
//! Invariant: a connection is one job, so that the worker is done when no connection is left.

use std::error::Error;
use std::rc::Rc;
use std::time::Duration;

use ropewalk::endpoints::service;
use ropewalk::prelude::*;
use ropewalk::protocol::policies::ConnectionCount;
use ropewalk::runner::{Exit, Log, LogFormat, LogLevel, LogOutput, PidFile, Runner};
use ropewalk::systemd::Notifier;

/// Does one job: waits for the milliseconds that it is told.
struct Job {
    reactor: Reactor,
    has_begun: bool,
}

impl Protocol for Job {
    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        let text = String::from_utf8_lossy(data);
        let Ok(milliseconds) = text.trim().parse() else { return transport.abort_connection() };
        self.has_begun = true;
        let transport = transport.clone();
        self.reactor.call_later(Duration::from_millis(milliseconds), move || {
            transport.write(b"done\n");
            transport.lose_connection();
        });
    }

    /// The client may end its side after the job, and waits for the answer.
    fn as_half_closeable(&mut self) -> Option<&mut dyn HalfCloseableProtocol> {
        Some(self)
    }
}

impl HalfCloseableProtocol for Job {
    /// A client that leaves without a job is no reason to wait.
    fn read_connection_lost(&mut self, transport: &Rc<dyn Transport>) {
        if !self.has_begun {
            transport.lose_connection();
        }
    }
}

fn main() -> Result<Exit, Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let listen = arguments.next().unwrap_or_else(|| "tcp:7007:interface=127.0.0.1".into());
    let reactor = Reactor::new()?;
    let (connections, clock) = (ConnectionCount::new(), reactor.clone());
    let jobs =
        connections.counting(factory_fn(move |_| Job { reactor: clock.clone(), has_begun: false }));
    let service = service(&ropewalk::registry(reactor.clone()), &listen, jobs)?;
    let mut runner = Runner::new(reactor, Rc::new(service))
        .log(Log::new(LogLevel::Info, LogFormat::Text, LogOutput::Stderr)?)
        .grace(Duration::from_secs(10))
        .drain(move || connections.none_left());
    if let Some(path) = arguments.next() {
        runner = runner.pid_file(PidFile::new(path));
    }
    if let Some(supervisor) = Notifier::from_environment()? {
        runner = runner.notify(Rc::new(supervisor));
    }
    // Its supervisor takes an end by SIGTERM for a success, but a shell does not.
    Ok(runner.run().without_signal())
}
