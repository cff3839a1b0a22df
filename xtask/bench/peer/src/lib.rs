//! What the Rust servers of the bench have in common: the command line, the first line of output, and
//! the bytes that a download is made of.
//!
//! ```text
//! SERVER MODE [--tls DIRECTORY] [--buffer BYTES] [--aes-128-first] [--large-state] [--datagrams]
//! ```
//!
//! A server listens on a free port of 127.0.0.1 with a backlog of 1024, sets `TCP_NODELAY` on accepted
//! sockets, prints `ready PORT`, and ends when its standard input does. The servers in C and Python
//! do the same. With `--datagrams` it is UDP, and the mode is `echo`. Invariant: no server checks anything, and the load checks every byte of the answers.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;
use std::process;
use std::thread;

/// The bytes of one piece of a download.
pub const PIECE: usize = 64 * 1024;

/// The number of bytes of an upload that one byte acknowledges.
pub const UPLOAD: usize = 1024 * 1024;

/// The piece that a download repeats.
pub static PATTERN: [u8; PIECE] = pattern();

/// The protocol of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Echoes every byte.
    Echo,
    /// Receives every byte, and answers each [`UPLOAD`] bytes with one byte `k`.
    Sink,
    /// Reads a number of four bytes, the highest first, and sends [`PATTERN`] that number of times;
    /// repeatedly.
    Source,
    /// Echoes the first read, and closes.
    Close,
    /// Echoes each read in four writes, a quarter each.
    Four,
}

/// The arguments of a server.
#[derive(Clone, Debug)]
pub struct Arguments {
    /// The protocol.
    pub mode: Mode,
    /// The directory with `certificate.pem` and `key.pem`, for TLS.
    pub tls: Option<PathBuf>,
    /// The size of the buffer of each connection, in servers with one for each.
    pub buffer: usize,
    /// The server's order of cipher suites. Our server ignores it.
    pub suites: Suites,
    /// How much state each connection has in mode `echo`. Ours alone asks.
    pub state: State,
    /// TCP, or UDP.
    pub wire: Wire,
}

/// What a server serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// Connections over TCP.
    Streams,
    /// Datagrams over UDP.
    Datagrams,
}

/// The state that a connection has for itself, and does not use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// None.
    Empty,
    /// 2 KiB.
    Large,
}

/// The order of a server's cipher suites.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suites {
    /// The default of the server's library.
    Default,
    /// AES-128 first, also against the client's order: as our server.
    Aes128First,
}

/// Parses the command line, or ends the process with the error.
pub fn arguments() -> Arguments {
    parse(lexopt::Parser::from_env()).unwrap_or_else(|error| fail(&error.to_string()))
}

fn parse(mut parser: lexopt::Parser) -> Result<Arguments, lexopt::Error> {
    use lexopt::prelude::*;
    let mut mode = None;
    let mut tls = None;
    let mut buffer = 4096;
    let mut suites = Suites::Default;
    let mut state = State::Empty;
    let mut wire = Wire::Streams;
    while let Some(argument) = parser.next()? {
        match argument {
            Value(word) => mode = Some(word.parse_with(mode_named)?),
            Long("tls") => tls = Some(parser.value()?.into()),
            Long("buffer") => buffer = parser.value()?.parse()?,
            Long("aes-128-first") => suites = Suites::Aes128First,
            Long("large-state") => state = State::Large,
            Long("datagrams") => wire = Wire::Datagrams,
            other => return Err(other.unexpected()),
        }
    }
    Ok(Arguments { mode: mode.ok_or("a mode is missing")?, tls, buffer, suites, state, wire })
}

fn mode_named(word: &str) -> Result<Mode, &'static str> {
    match word {
        "echo" => Ok(Mode::Echo),
        "sink" => Ok(Mode::Sink),
        "source" => Ok(Mode::Source),
        "close" => Ok(Mode::Close),
        "four" => Ok(Mode::Four),
        _ => Err("there is no such mode"),
    }
}

/// Prints the port, and makes the process end with its standard input.
pub fn ready(port: u16) {
    thread::spawn(|| {
        let mut nothing = [0];
        while matches!(io::stdin().read(&mut nothing), Ok(1..)) {}
        process::exit(0);
    });
    let mut output = io::stdout().lock();
    if writeln!(output, "ready {port}").and_then(|()| output.flush()).is_err() {
        fail("cannot print the port: standard output is closed");
    }
}

/// The contents of a file in the directory of `--tls`.
pub fn pem(directory: &std::path::Path, name: &str) -> Vec<u8> {
    let path = directory.join(name);
    fs::read(&path)
        .unwrap_or_else(|error| fail(&format!("cannot read {}: {error}", path.display())))
}

/// Ends the process with an error.
pub fn fail(why: &str) -> ! {
    eprintln!("{why}");
    process::exit(1)
}

/// The number of pieces of a request, once `request` holds its four bytes.
pub fn requested(request: &[u8]) -> Option<u32> {
    request.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

const fn pattern() -> [u8; PIECE] {
    let mut pattern = [0; PIECE];
    let mut at = 0;
    while at < PIECE {
        pattern[at] = pattern_byte(at);
        at += 1;
    }
    pattern
}

/// The byte at an offset of the pattern: neighbours differ, and so do bytes 256 apart.
pub const fn pattern_byte(at: usize) -> u8 {
    (at.wrapping_mul(167).wrapping_add((at >> 8).wrapping_mul(13)) & 0xff) as u8
}
