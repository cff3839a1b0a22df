//! A client with a time limit that comes back: greets a server, prints what that says, and connects again
//! whenever the connection is lost or cannot be made.
//!
//! `cargo run --example come_back tcp:127.0.0.1:7`; stop it with ^C.
#![allow(clippy::print_stdout, reason = "it is what the example is for")]

use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use ropewalk::prelude::*;
use ropewalk::protocol::client::ClientService;

struct Greeter;

impl Protocol for Greeter {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        transport.write(b"hello\n");
    }

    fn data_received(&mut self, _: &Rc<dyn Transport>, data: &[u8]) {
        println!("{}", data.escape_ascii());
    }
}

fn main() -> ExitCode {
    react(async |reactor| {
        let server = std::env::args().nth(1).ok_or_else(|| Failure::msg("name an endpoint"))?;
        let endpoint = Registry::standard(reactor.clone()).client(&server)?;
        let service = ClientService::builder(endpoint, reactor, |_| Greeter)
            .with_time_limit(Duration::from_secs(5))
            .start();
        loop {
            println!("{}", service.when_connected().await?.when_lost().await?);
        }
    })
}
