//! Holding results back.

use super::{Chain, Doing, Gate, Handle, Held, Row, Rules, Step};

impl Gate {
    pub(super) fn is_kept(&self) -> bool {
        self.handle != Handle::Gone
    }
}

impl Rules<'_> {
    pub(super) fn add_gate(&mut self, row: Row) {
        let Some(held) = self.take(row) else { return };
        let gate = self.gates.len();
        let chain = match self.result_of(held) {
            Ok(outcome) => {
                let mut chain = Chain::new(None);
                (chain.done, chain.result) = (1, Some(outcome));
                self.chains.push(chain);
                self.chains.len() - 1
            }
            Err(chain) => chain,
        };
        let steps = &mut self.chains[chain].steps;
        steps.push(Step::Gate(gate));
        let step = steps.len() - 1;
        self.gates.push(Gate { chain, step, pauses: 0, handle: Handle::Held });
        self.put(row, Held::End(chain));
    }

    /// Uses the handle of a gate, which no other call can use meanwhile.
    pub(super) fn with_gate(&mut self, number: usize, f: impl FnOnce(&mut Self, usize)) {
        let gate = number % self.gates.len().max(1);
        if self.gates.get(gate).is_some_and(|gate| gate.handle == Handle::Held) {
            self.gates[gate].handle = Handle::InUse;
            f(self, gate);
            self.gates[gate].handle = Handle::Held;
        }
    }

    /// A result that came through and was not taken is held again.
    pub(super) fn pause(&mut self, gate: usize) {
        let Gate { chain, step, .. } = self.gates[gate];
        self.gates[gate].pauses += 1;
        let chain = &mut self.chains[chain];
        if chain.steps.len() == step + 1
            && let Some(outcome) = chain.take_result()
        {
            (chain.done, chain.doing) = (step, Doing::Holding(outcome));
        }
    }

    pub(super) fn unpause(&mut self, gate: usize) {
        match self.gates[gate].pauses {
            0 => {}
            1 => self.open(gate),
            more => self.gates[gate].pauses = more - 1,
        }
    }

    fn open(&mut self, gate: usize) {
        let Gate { chain: at, step, .. } = self.gates[gate];
        self.gates[gate].pauses = 0;
        let chain = &mut self.chains[at];
        if chain.done == step
            && let Doing::Holding(outcome) = chain.doing
        {
            chain.done += 1;
            self.arrive(at, outcome);
            self.go_on(at);
        }
    }

    /// Dropping the handle undoes its pauses.
    pub(super) fn drop_gate(&mut self, number: usize) {
        let gate = number % self.gates.len().max(1);
        if self.gates.get(gate).is_some_and(|gate| gate.handle == Handle::Held) {
            self.gates[gate].handle = Handle::InUse;
            self.open(gate);
            self.gates[gate].handle = Handle::Gone;
            self.let_go(self.gates[gate].chain);
        }
    }
}
