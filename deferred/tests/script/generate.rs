//! Scripts made by chance, from a number or from bytes.
//!
//! Invariant: the same number gives the same script, on every machine, and so do the same bytes.

use std::rc::Rc;

use super::{
    Body, Canceller, CancellerEnd, CancellerKind, Error, Op, Outcome, Rails, Script, Then,
};

const ROWS: u64 = 4;
const DEPTH_MAX: u32 = 3;

/// Which operations there are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// All that a Deferred can do here, but freezing.
    Ours,
    /// What means the same in Twisted.
    Twisted,
}

/// Makes a script.
pub fn script(seed: u64, dialect: Dialect) -> Script {
    script_of(ChoiceSource::Seed(seed), dialect)
}

/// Makes a script of which each byte makes one choice, until none is left.
pub fn script_of_bytes(bytes: &[u8]) -> Script {
    script_of(ChoiceSource::Bytes(bytes), Dialect::Ours)
}

fn script_of(source: ChoiceSource<'_>, dialect: Dialect) -> Script {
    let mut chance = Chance { source, dialect, left: 0, names: 0 };
    chance.left = 5 + chance.below(26);
    let cancellers = (0..ROWS).map(|_| Rc::new(chance.canceller())).collect();
    let mut ops = Vec::new();
    while chance.left > 0 {
        ops.push(chance.op(0));
    }
    Script { cancellers, ops, gated: dialect == Dialect::Twisted }
}

/// What the choices are made from.
enum ChoiceSource<'a> {
    /// Numbers by splitmix64.
    Seed(u64),
    Bytes(&'a [u8]),
}

impl ChoiceSource<'_> {
    fn below(&mut self, limit: u64) -> u64 {
        match self {
            Self::Seed(state) => ((u128::from(split_mix(state)) * u128::from(limit)) >> 64) as u64,
            Self::Bytes(bytes) => {
                let (byte, rest) = bytes.split_first().unwrap_or((&0, &[]));
                *bytes = rest;
                u64::from(*byte) % limit
            }
        }
    }
}

fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

struct Chance<'a> {
    source: ChoiceSource<'a>,
    dialect: Dialect,
    /// How many operations may still be made.
    left: u64,
    names: u32,
}

impl Chance<'_> {
    fn below(&mut self, limit: u64) -> u64 {
        self.source.below(limit)
    }

    fn row(&mut self) -> usize {
        self.below(ROWS) as usize
    }

    fn some(&mut self) -> usize {
        self.below(8) as usize
    }

    fn outcome(&mut self) -> Outcome {
        let number = self.below(100) as u8;
        if self.below(3) == 0 { Err(Error::Boom(number)) } else { Ok(number) }
    }

    fn ops(&mut self, depth: u32) -> Vec<Op> {
        if depth >= DEPTH_MAX {
            return Vec::new();
        }
        // Most bodies do nothing but return.
        let count = [0, 0, 0, 0, 1, 1, 2, 3][self.below(8) as usize];
        (0..count).map_while(|_| (self.left > 0).then(|| self.op(depth + 1))).collect()
    }

    fn canceller(&mut self) -> Canceller {
        let ours = self.dialect == Dialect::Ours;
        let kind = match self.below(4) {
            0 => {
                return Canceller {
                    kind: CancellerKind::None,
                    ops: vec![],
                    then: CancellerEnd::Nothing,
                };
            }
            1 if ours => CancellerKind::Ask,
            _ => CancellerKind::Stop,
        };
        let ops = self.ops(1);
        let outcome = self.outcome();
        let then = match self.below(4) {
            0 => CancellerEnd::Fire(outcome),
            1 if ours => CancellerEnd::Drop,
            // With Twisted there is no answer, and in the place of one it fires.
            2 if ours || ops.is_empty() => CancellerEnd::Answer(outcome),
            _ => CancellerEnd::Nothing,
        };
        Canceller { kind, ops, then }
    }

    fn body(&mut self, depth: u32) -> Rc<Body> {
        self.names += 1;
        let name = self.names;
        let ops = self.ops(depth);
        let then = match self.below(8) {
            0 | 1 => Then::Pass,
            2 | 3 => Then::Return(self.outcome()),
            4 => Then::Fired(self.outcome()),
            _ => Then::Wait(self.row()),
        };
        Rc::new(Body { name, ops, then })
    }

    fn op(&mut self, depth: u32) -> Op {
        self.left = self.left.saturating_sub(1);
        let row = self.row();
        match self.below(24) {
            0..=7 => {
                let rails =
                    [Rails::Value, Rails::Error, Rails::Both, Rails::Both][self.below(4) as usize];
                Op::Add { row, rails, body: self.body(depth) }
            }
            8 => Op::Pair { row, callback: self.body(depth), errback: self.body(depth) },
            9..=12 => Op::Fire { row, outcome: self.outcome() },
            13 => Op::Chain { row, to: self.row() },
            14 | 15 => Op::Cancel { row },
            16 => Op::Look { row },
            17 if self.below(2) == 0 => Op::Drop { row },
            _ if self.dialect == Dialect::Ours => self.own_op(row),
            18..=20 => Op::Freeze { row },
            _ => Op::Thaw { row },
        }
    }

    fn own_op(&mut self, row: usize) -> Op {
        match self.below(17) {
            0 if self.below(2) == 0 => Op::Log { row },
            1 => Op::DropPromise { row },
            2 => Op::TakeHandle { row },
            3 => Op::CancelBy { handle: self.some() },
            4 | 5 => Op::Gate { row },
            6 => Op::Pause { gate: self.some() },
            7 => Op::Unpause { gate: self.some() },
            8 if self.below(2) == 0 => Op::DropGate { gate: self.some() },
            9 | 12 | 13 | 14 => Op::Await { row },
            10 if self.below(2) == 0 => Op::DropTask { task: self.some() },
            8 => Op::Pause { gate: self.some() },
            _ => Op::Poll { task: self.some() },
        }
    }
}
