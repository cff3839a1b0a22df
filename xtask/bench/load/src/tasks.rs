//! The tasks with persistent connections.
//!
//! Invariant: a result has the work, the time by the wall clock, and the processor time of both
//! sides, all of the same window.

use std::error::Error;
use std::io::Write as _;

use serde_json::{Value, json};

use crate::arguments::Options;
use crate::content::{Content, PIECE, UPLOAD};
use crate::crowd::{Crowd, Done};
use crate::exchange::Shape;
use crate::process;

type Outcome = Result<Value, Box<dyn Error>>;

/// Messages of one size, each echoed.
pub(crate) fn echo(options: &Options) -> Outcome {
    let mut crowd = Crowd::gather(options, same_both_ways)?;
    let shape = Shape { up: options.bytes, down: options.bytes };
    window(options, &mut crowd, &shape)
}

/// Uploads, each acknowledged by one byte.
pub(crate) fn upload(options: &Options) -> Outcome {
    let contents = |number| (Content::stream_of(number), Content::Fixed(b"k".to_vec()));
    let mut crowd = Crowd::gather(options, contents)?;
    window(options, &mut crowd, &Shape { up: UPLOAD, down: 1 })
}

/// Downloads, each requested by its number of pieces.
pub(crate) fn download(options: &Options) -> Outcome {
    let pieces = u32::try_from(options.bytes / PIECE)?;
    let request = pieces.to_be_bytes().to_vec();
    let contents = |_| (Content::Fixed(request.clone()), Content::Pieces);
    let mut crowd = Crowd::gather(options, contents)?;
    window(options, &mut crowd, &Shape { up: request.len(), down: pieces as usize * PIECE })
}

/// The server's memory before, with idle connections, and after each has carried a message.
pub(crate) fn idle(options: &Options) -> Outcome {
    // The first connections also pay for the allocations that all connections share.
    let few = Options { connections: 8, ..options.clone() };
    let mut crowd = Crowd::gather(&few, same_both_ways)?;
    crowd.once(&Shape { up: options.bytes, down: options.bytes })?;
    drop(crowd);
    process::quiet_time(options.pid)?;
    let before = process::memory(options.pid)?;
    let mut crowd = Crowd::gather(options, same_both_ways)?;
    process::quiet_time(options.pid)?;
    let idle = process::memory(options.pid)?;
    crowd.once(&Shape { up: options.bytes, down: options.bytes })?;
    process::quiet_time(options.pid)?;
    let carried = process::memory(options.pid)?;
    let each = |after: u64| (after as f64 - before as f64) / options.connections as f64;
    Ok(json!({
        "connections": options.connections,
        "idle_bytes": each(idle),
        "carried_bytes": each(carried),
    }))
}

/// Connections that stay until the server ends.
pub(crate) fn hold(options: &Options) -> Result<(), Box<dyn Error>> {
    let mut crowd = Crowd::gather(options, same_both_ways)?;
    println!("{}", json!({"connections": options.connections}));
    std::io::stdout().flush()?;
    crowd.hold()
}

fn same_both_ways(number: usize) -> (Content, Content) {
    (Content::stream_of(number), Content::stream_of(number))
}

fn window(options: &Options, crowd: &mut Crowd, shape: &Shape) -> Outcome {
    crowd.run(shape, options.warm_up)?;
    let before = process::quiet_time(options.pid)?;
    let own_before = process::time(std::process::id())?;
    let done = crowd.run(shape, options.time)?;
    let own = process::time(std::process::id())? - own_before;
    let server = process::quiet_time(options.pid)? - before;
    let bytes = shape.up.max(shape.down) as u64 * done.exchanges;
    Ok(result(done, bytes, server, own, crowd.suite()))
}

/// The result of a window; `suite` is the cipher suite with TLS, else null.
pub(crate) fn result(
    done: Done,
    bytes: u64,
    server: u64,
    own: u64,
    suite: Option<String>,
) -> Value {
    json!({
        "operations": done.exchanges,
        "bytes": bytes,
        "nanoseconds": u64::try_from(done.time.as_nanos()).unwrap_or(u64::MAX),
        "server_nanoseconds": server,
        "load_nanoseconds": own,
        "suite": suite,
    })
}
