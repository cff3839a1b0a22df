//! Smaller scripts that still fail.
//!
//! Invariant: a shrunk script does nothing that the first one did not do.

use std::rc::Rc;

use super::{Body, Canceller, CancellerEnd, CancellerKind, Op, Script, Then};

/// Leaves out what can be left out while it still fails.
pub fn shrink(script: Script, fails: impl Fn(&Script) -> bool) -> Script {
    let mut smallest = script;
    'again: loop {
        for nth in 0.. {
            let mut edit = Edit { left: nth };
            let smaller = edit.script(&smallest);
            if edit.left != DONE {
                return smallest;
            }
            if fails(&smaller) {
                smallest = smaller;
                continue 'again;
            }
        }
    }
}

const DONE: usize = usize::MAX;

/// One thing is left out: the first, the second and so on.
struct Edit {
    left: usize,
}

impl Edit {
    /// Whether it is this one.
    fn here(&mut self) -> bool {
        match self.left {
            DONE => false,
            0 => {
                self.left = DONE;
                true
            }
            _ => {
                self.left -= 1;
                false
            }
        }
    }

    fn script(&mut self, script: &Script) -> Script {
        let cancellers = script.cancellers.iter().map(|canceller| self.canceller(canceller));
        let cancellers = cancellers.collect();
        Script { cancellers, ops: self.ops(&script.ops), gated: script.gated }
    }

    fn canceller(&mut self, canceller: &Canceller) -> Rc<Canceller> {
        let none = CancellerKind::None;
        if canceller.kind != none && self.here() {
            return Rc::new(Canceller { kind: none, ops: vec![], then: CancellerEnd::Nothing });
        }
        let ops = self.ops(&canceller.ops);
        let simple = matches!(canceller.then, CancellerEnd::Nothing);
        let then = if !simple && self.here() { CancellerEnd::Nothing } else { canceller.then };
        Rc::new(Canceller { kind: canceller.kind, ops, then })
    }

    fn ops(&mut self, ops: &[Op]) -> Vec<Op> {
        let mut kept = Vec::new();
        for op in ops {
            if self.here() {
                continue;
            }
            kept.push(match op {
                Op::Add { row, rails, body } => {
                    Op::Add { row: *row, rails: *rails, body: self.body(body) }
                }
                Op::Pair { row, callback, errback } => Op::Pair {
                    row: *row,
                    callback: self.body(callback),
                    errback: self.body(errback),
                },
                other => other.clone(),
            });
        }
        kept
    }

    fn body(&mut self, body: &Body) -> Rc<Body> {
        let ops = self.ops(&body.ops);
        let simple = matches!(body.then, Then::Pass);
        let then = if !simple && self.here() { Then::Pass } else { body.then };
        Rc::new(Body { name: body.name, ops, then })
    }
}
