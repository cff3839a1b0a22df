//! The data of a Redis server, and the commands on it.
//!
//! Invariant: it calls nothing back, so it may be borrowed for a whole command; what it holds stays below its limit,
//! but for what a number in it grows by.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use interfaces::{ReactorTime, Transport};

use super::reply::{Reply, array, bulk, integer, nil, number, ok};

/// What an entry costs beside its key and its text.
const ENTRY_BYTES: usize = 96;

const WRONG_NUMBER: &str = "value is not an integer or out of range";
const WRONG_TIME: &str = "invalid expire time";
const TOO_MUCH: &str = "OOM command not allowed when used memory > 'maxmemory'";

/// Shared by all clients.
pub(super) struct Database {
    clock: Rc<dyn ReactorTime>,
    limit: usize,
    used: usize,
    entries: BTreeMap<Vec<u8>, Entry>,
    subscribers: BTreeMap<Vec<u8>, Vec<Rc<dyn Transport>>>,
}

struct Entry {
    text: Vec<u8>,
    /// When it is gone, by the reactor's clock.
    end: Option<Duration>,
}

/// A message, and the subscribers that get it.
pub(super) struct Message {
    pub(super) bytes: Vec<u8>,
    pub(super) receivers: Vec<Rc<dyn Transport>>,
}

/// What may be the text of a key already.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Any,
    Absent,
    Present,
}

impl Database {
    pub(super) fn new(clock: Rc<dyn ReactorTime>, limit: usize) -> Self {
        let (entries, subscribers) = (BTreeMap::new(), BTreeMap::new());
        Self { clock, limit, used: 0, entries, subscribers }
    }

    /// Runs the command of a client. A message is for the caller to send.
    pub(super) fn run(
        &mut self,
        words: &[&[u8]],
        client: &Rc<dyn Transport>,
    ) -> (Reply, Option<Message>) {
        let Some((name, arguments)) = words.split_first() else {
            return (Err("there is no command".into()), None);
        };
        let name = name.to_ascii_uppercase();
        match (&name[..], arguments) {
            (b"PUBLISH", [channel, text]) => {
                let bytes = array(&[bulk(b"message"), bulk(channel), bulk(text)]);
                let receivers = self.subscribers.get(*channel).cloned().unwrap_or_default();
                (Ok(integer(receivers.len() as i64)), Some(Message { bytes, receivers }))
            }
            (b"SUBSCRIBE", [channel]) => (Ok(self.subscribe(channel, client)), None),
            (name, arguments) => (self.run_simple(name, arguments), None),
        }
    }

    /// A client is gone.
    pub(super) fn forget(&mut self, gone: &Rc<dyn Transport>) {
        self.subscribers.values_mut().for_each(|all| all.retain(|one| !Rc::ptr_eq(one, gone)));
        self.subscribers.retain(|_, all| !all.is_empty());
    }

    fn run_simple(&mut self, name: &[u8], arguments: &[&[u8]]) -> Reply {
        match (name, arguments) {
            (b"PING", []) => Ok(b"+PONG\r\n".to_vec()),
            (b"PING" | b"ECHO", [text]) => Ok(bulk(text)),
            (b"GET", [key]) => Ok(self.live(key).map_or_else(nil, |entry| bulk(&entry.text))),
            (b"SET", [key, text, options @ ..]) => self.set_with(key, text, options),
            (b"INCR", [key]) => self.add(key, Some(1)),
            (b"DECR", [key]) => self.add(key, Some(-1)),
            (b"INCRBY", [key, step]) => self.add(key, number(step)),
            (b"DEL", [_, ..]) => Ok(self.count(arguments, |this, key| this.remove(key))),
            (b"EXISTS", [_, ..]) => Ok(self.count(arguments, |this, key| this.live(key).is_some())),
            (b"EXPIRE", [key, life]) => self.expire(key, life, Duration::from_secs),
            (b"PEXPIRE", [key, life]) => self.expire(key, life, Duration::from_millis),
            (b"TTL", [key]) => Ok(self.life_left(key, 1000)),
            (b"PTTL", [key]) => Ok(self.life_left(key, 1)),
            (b"PERSIST", [key]) => {
                let end = self.live(key).and_then(|entry| entry.end.take());
                Ok(integer(end.is_some().into()))
            }
            (b"DBSIZE", []) => {
                self.sweep();
                Ok(integer(self.entries.len() as i64))
            }
            (b"FLUSHALL", []) => {
                (self.entries, self.used) = (BTreeMap::new(), 0);
                Ok(ok())
            }
            (b"CONFIG", [_, name]) => Ok(array(&[bulk(name), bulk(b"")])),
            (name, _) => Err(format!("cannot run {} so", name.escape_ascii())),
        }
    }

    fn subscribe(&mut self, channel: &[u8], client: &Rc<dyn Transport>) -> Vec<u8> {
        let all = self.subscribers.entry(channel.to_vec()).or_default();
        if !all.iter().any(|one| Rc::ptr_eq(one, client)) {
            all.push(client.clone());
        }
        let is_in = |all: &&Vec<Rc<dyn Transport>>| all.iter().any(|one| Rc::ptr_eq(one, client));
        let channels = self.subscribers.values().filter(is_in).count();
        array(&[bulk(b"subscribe"), bulk(channel), integer(channels as i64)])
    }

    /// The entry, unless its time is over.
    fn live(&mut self, key: &[u8]) -> Option<&mut Entry> {
        let now = self.clock.now();
        if self.entries.get(key).is_some_and(|entry| entry.is_over(now)) {
            self.remove_entry(key);
        }
        self.entries.get_mut(key)
    }

    /// Whether it was there.
    fn remove(&mut self, key: &[u8]) -> bool {
        self.live(key).is_some() && self.remove_entry(key)
    }

    fn remove_entry(&mut self, key: &[u8]) -> bool {
        let removed = self.entries.remove(key);
        self.used -= removed.as_ref().map_or(0, |entry| cost(key, &entry.text));
        removed.is_some()
    }

    /// Removes all whose time is over.
    fn sweep(&mut self) {
        let now = self.clock.now();
        let used = &mut self.used;
        self.entries.retain(|key, entry| {
            let is_over = entry.is_over(now);
            *used -= if is_over { cost(key, &entry.text) } else { 0 };
            !is_over
        });
    }

    fn set(&mut self, key: &[u8], text: Vec<u8>, end: Option<Duration>) -> Result<(), String> {
        let before = self.entries.get(key).map_or(0, |entry| cost(key, &entry.text));
        let more = cost(key, &text);
        if self.used - before + more > self.limit {
            self.sweep();
        }
        // The sweep may have removed it.
        let before = self.entries.get(key).map_or(0, |entry| cost(key, &entry.text));
        if self.used - before + more > self.limit {
            return Err(TOO_MUCH.into());
        }
        self.used = self.used - before + more;
        self.entries.insert(key.to_vec(), Entry { text, end });
        Ok(())
    }

    fn set_with(&mut self, key: &[u8], text: &[u8], options: &[&[u8]]) -> Reply {
        let (mut end, mut before, mut options) = (None, Before::Any, options);
        while let Some((option, rest)) = options.split_first() {
            options = rest;
            match (&option.to_ascii_uppercase()[..], rest) {
                (b"NX", _) if before == Before::Any => before = Before::Absent,
                (b"XX", _) if before == Before::Any => before = Before::Present,
                (b"EX", [life, rest @ ..]) if end.is_none() => {
                    (end, options) = (Some(self.end(life, Duration::from_secs)?), rest);
                }
                (b"PX", [life, rest @ ..]) if end.is_none() => {
                    (end, options) = (Some(self.end(life, Duration::from_millis)?), rest);
                }
                _ => return Err("syntax error".into()),
            }
        }
        let is_there = self.live(key).is_some();
        match before {
            Before::Absent if is_there => return Ok(nil()),
            Before::Present if !is_there => return Ok(nil()),
            _ => self.set(key, text.to_vec(), end)?,
        }
        Ok(ok())
    }

    /// When a life from now on is over. A negative one is over at once.
    fn end(&self, life: &[u8], unit: fn(u64) -> Duration) -> Result<Duration, String> {
        let life = number(life).ok_or(WRONG_TIME)?.max(0).unsigned_abs();
        Ok(self.clock.now().saturating_add(unit(life)))
    }

    fn expire(&mut self, key: &[u8], life: &[u8], unit: fn(u64) -> Duration) -> Reply {
        let end = self.end(life, unit)?;
        let entry = self.live(key);
        let is_there = entry.is_some();
        if let Some(entry) = entry {
            entry.end = Some(end);
        }
        Ok(integer(is_there.into()))
    }

    /// In units of `unit` milliseconds, rounded up; -1 for ever, and -2 if it is not there.
    fn life_left(&mut self, key: &[u8], unit: u128) -> Vec<u8> {
        let now = self.clock.now();
        let left = match self.live(key).map(|entry| entry.end) {
            None => -2,
            Some(None) => -1,
            Some(Some(end)) => {
                let left = end.saturating_sub(now).as_millis().div_ceil(unit);
                i64::try_from(left).unwrap_or(i64::MAX)
            }
        };
        integer(left)
    }

    fn add(&mut self, key: &[u8], step: Option<i64>) -> Reply {
        let (before, end) = match self.live(key) {
            Some(entry) => (number(&entry.text), entry.end),
            None => (Some(0), None),
        };
        let sum = before.zip(step).and_then(|(before, step)| before.checked_add(step));
        let sum = sum.ok_or(WRONG_NUMBER)?;
        self.set(key, format!("{sum}").into(), end)?;
        Ok(integer(sum))
    }

    fn count(
        &mut self,
        keys: &[&[u8]],
        mut counts: impl FnMut(&mut Self, &[u8]) -> bool,
    ) -> Vec<u8> {
        integer(keys.iter().map(|key| i64::from(counts(self, key))).sum())
    }
}

impl Entry {
    fn is_over(&self, now: Duration) -> bool {
        self.end.is_some_and(|end| end <= now)
    }
}

fn cost(key: &[u8], text: &[u8]) -> usize {
    key.len() + text.len() + ENTRY_BYTES
}
