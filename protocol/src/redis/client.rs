//! [`RedisClient`]: the words of a client's commands, behind their lengths or on a line.
//!
//! Invariant: a client that does not read its answers is paused, and none of its commands is run.

use alloc::format;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::mem;

use interfaces::{Producer, Reason};

use super::database::Database;
use super::reply::{number, ok};
use crate::receivers::{LineReceiver, LineTransport};

/// The most bytes of a word.
const WORD_BYTES_MAX: usize = 16 << 20;

/// The most bytes of a whole command.
const COMMAND_BYTES_MAX: usize = 32 << 20;

/// The most words of a command.
const WORDS_MAX: usize = 1024;

/// The most channels of a client.
const CHANNELS_MAX: usize = 1024;

/// The behaviour of one connection.
pub(super) struct RedisClient {
    database: Rc<RefCell<Database>>,
    words: Vec<Vec<u8>>,
    missing: usize,
    /// Of the last word, its CR LF included.
    missing_bytes: usize,
    command_bytes: usize,
    subscriptions: usize,
}

impl RedisClient {
    pub(super) fn new(database: Rc<RefCell<Database>>) -> Self {
        let words = Vec::new();
        let (missing, missing_bytes, command_bytes, subscriptions) = (0, 0, 0, 0);
        Self { database, words, missing, missing_bytes, command_bytes, subscriptions }
    }

    fn run(&mut self, transport: &Rc<LineTransport>, words: &[&[u8]]) {
        let is = |name: &[u8]| words.first().is_some_and(|word| word.eq_ignore_ascii_case(name));
        if is(b"QUIT") {
            transport.write(&ok());
            return close(transport);
        }
        if is(b"SUBSCRIBE") {
            self.subscriptions += 1;
            if self.subscriptions > CHANNELS_MAX {
                return fail(transport, "too many subscriptions");
            }
        }
        let (reply, message) = self.database.borrow_mut().run(words, transport.as_transport());
        transport.write(&reply.unwrap_or_else(|error| error_line(&error)));
        if let Some(message) = message {
            message.receivers.iter().for_each(|receiver| receiver.write(&message.bytes));
        }
    }

    fn begin_word(&mut self, transport: &Rc<LineTransport>, line: &[u8]) {
        let length = line.strip_prefix(b"$").and_then(number).map(usize::try_from);
        match length {
            Some(Ok(length)) if length <= WORD_BYTES_MAX => {
                self.command_bytes += length;
                if self.command_bytes > COMMAND_BYTES_MAX {
                    return fail(transport, "too big command");
                }
                self.missing_bytes = length + 2;
                self.words.push(Vec::new());
                transport.set_raw_mode();
            }
            _ => fail(transport, "invalid bulk length"),
        }
    }
}

/// `-ERR …`, or an error with a word of its own.
fn error_line(error: &str) -> Vec<u8> {
    let word = if error.starts_with("OOM ") { "" } else { "ERR " };
    format!("-{word}{error}\r\n").into()
}

fn fail(transport: &Rc<LineTransport>, error: &str) {
    transport.write(format!("-ERR Protocol error: {error}\r\n").as_bytes());
    close(transport);
}

fn close(transport: &Rc<LineTransport>) {
    transport.unregister_producer();
    transport.lose_connection();
}

impl LineReceiver for RedisClient {
    fn connection_made(&mut self, transport: &Rc<LineTransport>) {
        // The transport is new, so no other producer is registered.
        let _ = transport.register_producer(Producer::Push(transport.clone()));
    }

    fn line_received(&mut self, transport: &Rc<LineTransport>, line: &[u8]) {
        match line.strip_prefix(b"*").map(|count| number(count).map(usize::try_from)) {
            _ if self.missing > 0 => self.begin_word(transport, line),
            Some(Some(Ok(count))) if count <= WORDS_MAX => {
                (self.missing, self.command_bytes) = (count, 0);
            }
            Some(_) => fail(transport, "invalid multibulk length"),
            None => {
                let words = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
                let words: Vec<_> = words.collect();
                // An empty line is no command, as in Redis.
                if !words.is_empty() {
                    self.run(transport, &words);
                }
            }
        }
    }

    fn raw_data_received(&mut self, transport: &Rc<LineTransport>, data: &[u8]) {
        let (bytes, rest) = data.split_at(data.len().min(self.missing_bytes));
        self.missing_bytes -= bytes.len();
        let Some(word) = self.words.last_mut() else { return };
        word.extend_from_slice(bytes);
        if self.missing_bytes == 0 {
            word.truncate(word.len() - 2);
            self.missing -= 1;
            transport.set_line_mode(rest.len());
        }
        if self.missing == 0 {
            let words = mem::take(&mut self.words);
            self.run(transport, &words.iter().map(|word| &word[..]).collect::<Vec<_>>());
        }
    }

    fn line_length_exceeded(&mut self, transport: &Rc<LineTransport>, _: &[u8]) {
        fail(transport, "too big inline request");
    }

    fn connection_lost(&mut self, transport: &Rc<LineTransport>, _: &Reason) {
        self.database.borrow_mut().forget(transport.as_transport());
    }
}
