//! The language of the model test and of the test against Twisted: what is done to a few Deferreds
//! in which order, also from inside callbacks and cancellers; and what is seen of it.
//!
//! A script has a fixed number of rows. A row starts with a pending Deferred and its promise, and
//! holds whatever became of the Deferred. Invariant: every operation makes sense at any moment: what
//! it needs and does not find makes it do nothing, so a script stays one when parts are left out.

#![allow(dead_code, unreachable_pub)]

pub mod generate;
pub mod run;
pub mod shrink;

use std::fmt;
use std::rc::Rc;

use ropewalk_deferred::Cancelled;

/// How many operations are done in a script; those after that are left out. Callbacks and cancellers
/// can make each other grow.
pub const FUEL: u32 = 200;

/// The number of a row.
pub type Row = usize;

/// The error of the scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Error {
    Cancelled,
    Boom(u8),
}

impl From<Cancelled> for Error {
    fn from(_: Cancelled) -> Self {
        Error::Cancelled
    }
}

/// What a Deferred of the scripts fires with.
pub type Outcome = Result<u8, Error>;

/// A script: the cancellers of its rows, and what is done.
#[derive(Clone, Debug)]
pub struct Script {
    pub cancellers: Vec<Rc<Canceller>>,
    pub ops: Vec<Op>,
    /// Whether each callback has a gate behind it, so that a row can be frozen as in Twisted.
    pub gated: bool,
}

/// The canceller of a row.
#[derive(Clone, Debug)]
pub struct Canceller {
    pub kind: CancellerKind,
    pub ops: Vec<Op>,
    pub then: CancellerEnd,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancellerKind {
    None,
    Stop,
    Ask,
}

/// What a canceller does at its end.
#[derive(Clone, Copy, Debug)]
pub enum CancellerEnd {
    Nothing,
    Fire(Outcome),
    Drop,
    Answer(Outcome),
}

/// Something that is done. Handles, gates and tasks are counted in the order in which they are
/// made; the number is taken modulo how many there are.
#[derive(Clone, Debug)]
pub enum Op {
    Add {
        row: Row,
        rails: Rails,
        body: Rc<Body>,
    },
    Pair {
        row: Row,
        callback: Rc<Body>,
        errback: Rc<Body>,
    },
    Log {
        row: Row,
    },
    Fire {
        row: Row,
        outcome: Outcome,
    },
    DropPromise {
        row: Row,
    },
    Chain {
        row: Row,
        to: Row,
    },
    /// Cancels by a handle of the moment, or by the last one when the Deferred was given away.
    Cancel {
        row: Row,
    },
    TakeHandle {
        row: Row,
    },
    CancelBy {
        handle: usize,
    },
    Gate {
        row: Row,
    },
    Pause {
        gate: usize,
    },
    Unpause {
        gate: usize,
    },
    DropGate {
        gate: usize,
    },
    /// As Twisted's `pause`, by all gates of a gated row.
    Freeze {
        row: Row,
    },
    /// As Twisted's `unpause`.
    Thaw {
        row: Row,
    },
    Look {
        row: Row,
    },
    Drop {
        row: Row,
    },
    Await {
        row: Row,
    },
    Poll {
        task: usize,
    },
    DropTask {
        task: usize,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rails {
    Value,
    Error,
    Both,
}

/// A callback.
#[derive(Clone, Debug)]
pub struct Body {
    pub name: u32,
    pub ops: Vec<Op>,
    pub then: Then,
}

/// What a callback returns.
#[derive(Clone, Copy, Debug)]
pub enum Then {
    Pass,
    Return(Outcome),
    Fired(Outcome),
    /// The Deferred of that row, or else what it got.
    Wait(Row),
}

/// What can be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    Called {
        name: u32,
        outcome: Outcome,
    },
    /// The callback was dropped.
    Gone {
        name: u32,
    },
    Cancelling {
        row: Row,
    },
    CancellerGone {
        row: Row,
    },
    Unhandled(Error),
    Logged(Error),
    PromiseDropped,
    Woken {
        task: usize,
    },
    Polled {
        task: usize,
        outcome: Option<Outcome>,
    },
    Looked {
        row: Row,
        shown: Option<Shown>,
        promise_cancelled: Option<bool>,
    },
}

/// What a Deferred shows of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    Pending,
    Waits,
    Fired(Outcome),
}

/// The script as one line, in the words that `tests/twisted/play.py` reads.
impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for canceller in &self.cancellers {
            write!(f, "{canceller} ")?;
        }
        write!(f, "begin {}end", Ops(&self.ops))
    }
}

struct Ops<'a>(&'a [Op]);

impl fmt::Display for Ops<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|op| write!(f, "{op} "))
    }
}

struct Words(Outcome);

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Ok(value) => write!(f, "ok {value}"),
            Err(Error::Boom(error)) => write!(f, "boom {error}"),
            Err(Error::Cancelled) => f.write_str("cancelled 0"),
        }
    }
}

impl fmt::Display for Canceller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            CancellerKind::None => return f.write_str("plain"),
            CancellerKind::Stop => "canceller",
            CancellerKind::Ask => "asker",
        };
        write!(f, "{kind} begin {}", Ops(&self.ops))?;
        match self.then {
            CancellerEnd::Nothing => f.write_str("nothing"),
            CancellerEnd::Fire(outcome) => write!(f, "fires {}", Words(outcome)),
            CancellerEnd::Drop => f.write_str("drops"),
            CancellerEnd::Answer(outcome) => write!(f, "answers {}", Words(outcome)),
        }
    }
}

impl fmt::Display for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} begin {}", self.name, Ops(&self.ops))?;
        match self.then {
            Then::Pass => f.write_str("pass"),
            Then::Return(outcome) => write!(f, "return {}", Words(outcome)),
            Then::Fired(outcome) => write!(f, "fired {}", Words(outcome)),
            Then::Wait(row) => write!(f, "wait {row}"),
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Op::Add { row, rails, body } => {
                let rails = match rails {
                    Rails::Value => "callback",
                    Rails::Error => "errback",
                    Rails::Both => "both",
                };
                write!(f, "{rails} {row} {body}")
            }
            Op::Pair { row, callback, errback } => write!(f, "pair {row} {callback} {errback}"),
            Op::Log { row } => write!(f, "log {row}"),
            Op::Fire { row, outcome } => write!(f, "fire {row} {}", Words(*outcome)),
            Op::DropPromise { row } => write!(f, "drop-promise {row}"),
            Op::Chain { row, to } => write!(f, "chain {row} {to}"),
            Op::Cancel { row } => write!(f, "cancel {row}"),
            Op::TakeHandle { row } => write!(f, "handle {row}"),
            Op::CancelBy { handle } => write!(f, "cancel-by {handle}"),
            Op::Gate { row } => write!(f, "gate {row}"),
            Op::Pause { gate } => write!(f, "pause {gate}"),
            Op::Unpause { gate } => write!(f, "unpause {gate}"),
            Op::DropGate { gate } => write!(f, "drop-gate {gate}"),
            Op::Freeze { row } => write!(f, "freeze {row}"),
            Op::Thaw { row } => write!(f, "thaw {row}"),
            Op::Look { row } => write!(f, "look {row}"),
            Op::Drop { row } => write!(f, "drop {row}"),
            Op::Await { row } => write!(f, "await {row}"),
            Op::Poll { task } => write!(f, "poll {task}"),
            Op::DropTask { task } => write!(f, "drop-task {task}"),
        }
    }
}
