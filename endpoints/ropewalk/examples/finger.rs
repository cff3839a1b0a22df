//! A finger server, whose users are the arguments.
//!
//! ```text
//! $ cargo run --example finger -- tcp:7979 moshez='Happy and well'
//! $ printf 'moshez\r\n' | nc 127.0.0.1 7979
//! Happy and well
//! ```
//!
//! Invariant: a client has ten seconds for its request.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use ropewalk::prelude::*;
use ropewalk::protocol::policies::{TimeoutFactory, Timeouts};
use ropewalk::protocol::wire::FingerFactory;
use ropewalk::runner::Exit;

fn main() -> Result<Exit, Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let listen = arguments.next().unwrap_or_else(|| "tcp:79".into());
    let users: BTreeMap<String, String> = arguments
        .filter_map(|user| user.split_once('=').map(|(name, text)| (name.into(), text.into())))
        .collect();
    let finger = FingerFactory::new(move |request| {
        Ok(match &*request.user {
            "" => Some(users.keys().map(|name| format!("{name}\n")).collect()),
            name => users.get(name).cloned(),
        })
    });
    let reactor = Reactor::new()?;
    let limits = Timeouts::default().with_first_byte(Some(Duration::from_secs(10)));
    let factory = TimeoutFactory::with_timeouts(finger.into_rc(), reactor.clone(), limits);
    Ok(ropewalk::serve(reactor, [listen], factory.into_rc()))
}
