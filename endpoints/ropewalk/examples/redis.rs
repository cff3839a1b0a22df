//! A server that speaks the Redis protocol (RESP 2): texts, times to live, publish and subscribe.
//!
//! ```text
//! cargo run --release --package ropewalk --example redis -- tcp:6379:interface=127.0.0.1 unix:/tmp/redis.sock
//! redis-benchmark -t ping,set,get,incr -P 16
//! ```

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;
use std::{io, mem};

use ropewalk::interfaces::Producer;
use ropewalk::prelude::*;
use ropewalk::protocol::receivers::{LineProtocol, LineReceiver, LineTransport};
use ropewalk::runner::Exit;

const WORD_BYTES_MAX: usize = 16 << 20;

/// Shared by all clients. It calls nothing back, so it may be borrowed for a whole command.
struct Database {
    reactor: Reactor,
    /// Each with its end, if it has one.
    values: HashMap<Vec<u8>, (Vec<u8>, Option<Duration>)>,
    subscribers: HashMap<Vec<u8>, Vec<Rc<dyn Transport>>>,
}

type Reply = Result<Vec<u8>, String>;

fn integer(number: i64) -> Vec<u8> {
    format!(":{number}\r\n").into()
}

fn bulk(text: &[u8]) -> Vec<u8> {
    [format!("${}\r\n", text.len()).as_bytes(), text, b"\r\n"].concat()
}

fn array(parts: &[Vec<u8>]) -> Vec<u8> {
    [format!("*{}\r\n", parts.len()).into(), parts.concat()].concat()
}

fn number(text: &[u8]) -> Option<i64> {
    str::from_utf8(text).ok()?.parse().ok()
}

impl Database {
    fn get(&mut self, key: &[u8]) -> Option<&mut Vec<u8>> {
        let now = self.reactor.now();
        if self.values.get(key).is_some_and(|(_, end)| end.is_some_and(|end| end <= now)) {
            self.values.remove(key);
        }
        self.values.get_mut(key).map(|(text, _)| text)
    }

    fn set(&mut self, key: &[u8], text: &[u8], life: Option<Duration>) -> Reply {
        let end = life.map(|life| self.reactor.now().saturating_add(life));
        self.values.insert(key.to_vec(), (text.to_vec(), end));
        Ok(b"+OK\r\n".to_vec())
    }

    fn run(&mut self, words: &[&[u8]], client: &Rc<dyn Transport>) -> Reply {
        let (name, arguments) = words.split_first().ok_or("there is no command")?;
        Ok(match (&name.to_ascii_uppercase()[..], arguments) {
            (b"PING", []) => b"+PONG\r\n".to_vec(),
            (b"PING" | b"ECHO", [text]) => bulk(text),
            (b"GET", [key]) => self.get(key).map_or(b"$-1\r\n".to_vec(), |text| bulk(text)),
            (b"SET", [key, text]) => self.set(key, text, None)?,
            (b"SET", [key, text, unit, life]) if unit.eq_ignore_ascii_case(b"px") => {
                let life = number(life).ok_or("invalid expire time")?.max(0);
                self.set(key, text, Some(Duration::from_millis(life.unsigned_abs())))?
            }
            (b"INCR", [key]) => {
                let before = self.get(key).map_or(Some(0), |text| number(text));
                let sum = before.and_then(|before| before.checked_add(1));
                let sum = sum.ok_or("value is not an integer or out of range")?;
                self.values.entry(key.to_vec()).or_default().0 = sum.to_string().into();
                integer(sum)
            }
            (b"DEL", [key]) => {
                let was_there = self.get(key).is_some();
                self.values.remove(*key);
                integer(was_there.into())
            }
            (b"SUBSCRIBE", [channel]) => {
                self.subscribers.entry(channel.to_vec()).or_default().push(client.clone());
                array(&[bulk(b"subscribe"), bulk(channel), integer(1)])
            }
            (b"PUBLISH", [channel, text]) => {
                let message = array(&[bulk(b"message"), bulk(channel), bulk(text)]);
                let receivers = self.subscribers.get(*channel).map_or(&[][..], |all| all);
                receivers.iter().for_each(|receiver| receiver.write(&message));
                integer(receivers.len() as i64)
            }
            (b"CONFIG", [_, name]) => array(&[bulk(name), bulk(b"")]),
            (name, _) => return Err(format!("cannot run {} so", name.escape_ascii())),
        })
    }
}

struct Client {
    database: Rc<RefCell<Database>>,
    words: Vec<Vec<u8>>,
    missing: usize,
    /// Of the last word, its CR LF included.
    missing_bytes: usize,
}

impl Client {
    fn run(&mut self, transport: &Rc<LineTransport>, words: &[&[u8]]) {
        let reply = self.database.borrow_mut().run(words, transport.as_transport());
        transport.write(&reply.unwrap_or_else(|error| format!("-ERR {error}\r\n").into()));
    }

    fn fail(transport: &Rc<LineTransport>, error: &str) {
        transport.write(format!("-ERR Protocol error: {error}\r\n").as_bytes());
        transport.unregister_producer();
        transport.lose_connection();
    }

    fn begin_word(&mut self, transport: &Rc<LineTransport>, line: &[u8]) {
        match line.strip_prefix(b"$").and_then(number).map(usize::try_from) {
            Some(Ok(length)) if length <= WORD_BYTES_MAX => {
                self.missing_bytes = length + 2;
                self.words.push(Vec::new());
                transport.set_raw_mode();
            }
            _ => Self::fail(transport, "invalid bulk length"),
        }
    }
}

impl LineReceiver for Client {
    fn connection_made(&mut self, transport: &Rc<LineTransport>) {
        // A client that does not read its answers is paused, and none of its commands is run.
        let _ = transport.register_producer(Producer::Push(transport.clone()));
    }

    fn line_received(&mut self, transport: &Rc<LineTransport>, line: &[u8]) {
        match line.strip_prefix(b"*").map(|count| number(count).map(usize::try_from)) {
            _ if self.missing > 0 => self.begin_word(transport, line),
            Some(Some(Ok(count))) if count <= 1024 => self.missing = count,
            Some(_) => Self::fail(transport, "invalid multibulk length"),
            None => self.run(transport, &line.split(|byte| *byte == b' ').collect::<Vec<_>>()),
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
        Self::fail(transport, "too big inline request");
    }

    fn connection_lost(&mut self, transport: &Rc<LineTransport>, _: &Reason) {
        let gone = transport.as_transport();
        let subscribers = &mut self.database.borrow_mut().subscribers;
        subscribers.values_mut().for_each(|all| all.retain(|one| !Rc::ptr_eq(one, gone)));
        subscribers.retain(|_, all| !all.is_empty());
    }
}

fn main() -> Result<Exit, io::Error> {
    let reactor = Reactor::new()?;
    let (values, subscribers) = (HashMap::new(), HashMap::new());
    let database = Database { reactor: reactor.clone(), values, subscribers };
    let database = Rc::new(RefCell::new(database));
    let factory = LineProtocol::factory(move |_| {
        let database = database.clone();
        Client { database, words: Vec::new(), missing: 0, missing_bytes: 0 }
    });
    Ok(ropewalk::serve(reactor, std::env::args().skip(1), factory.into_rc()))
}
