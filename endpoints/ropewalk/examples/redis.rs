//! A server that speaks the Redis protocol (RESP 2): texts, times to live, publish and subscribe.
//!
//! ```text
//! cargo run --release --package ropewalk --example redis -- tcp:6379:interface=127.0.0.1 unix:/tmp/redis.sock
//! redis-benchmark -t ping,set,get,incr -P 16
//! ```
//!
//! How its protocol is written, on top of receivers of lines, is in `protocol::redis`.

use std::io;

use ropewalk::prelude::*;
use ropewalk::protocol::redis::RedisFactory;
use ropewalk::runner::Exit;

fn main() -> Result<Exit, io::Error> {
    let reactor = Reactor::new()?;
    let factory = RedisFactory::new(reactor.clone()).with_memory_limit(64 << 20);
    Ok(ropewalk::serve(reactor, std::env::args().skip(1), factory.into_rc()))
}
