//! A small server of Redis's protocol, RESP 2, with its data in memory: texts, numbers, times to live, publish and
//! subscribe.
//!
//! ```text
//!  client ──▶ RedisClient: words ──▶ Database: one command ──▶ a reply, and messages for subscribers
//! ```
//!
//! | commands | |
//! |---|---|
//! | `PING`, `ECHO`, `QUIT` | |
//! | `GET`, `SET` with `EX`, `PX`, `NX`, `XX` | texts of any bytes |
//! | `INCR`, `DECR`, `INCRBY` | texts that are 64-bit numbers |
//! | `DEL`, `EXISTS`, `DBSIZE`, `FLUSHALL` | |
//! | `EXPIRE`, `PEXPIRE`, `TTL`, `PTTL`, `PERSIST` | times to live |
//! | `SUBSCRIBE`, `PUBLISH` | one channel a command |
//! | `CONFIG GET` | answers nothing, which is what benchmarks ask for |
//!
//! Invariant: what strangers can have kept is bounded, by [`RedisFactory::with_memory_limit`] for the data, and by the
//! caps on a word, on the words of a command and on the channels of a client.

mod client;
mod database;
mod factory;
mod reply;

pub use factory::RedisFactory;
