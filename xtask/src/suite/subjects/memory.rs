//! The in-memory network of `protocol::testing`, with its test clock.
//!
//! Invariant: each turn advances the clock, and an idle turn advances it to the next call.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use deferred::{Deferred, Failure};
use interfaces::{
    Address, Factory, Observer, ReactorTime, StreamClientEndpoint, StreamServerEndpoint,
};
use protocol::testing::Clock;
use protocol::testing::memory::Network;

use crate::suite::notices::panic_message;
use crate::suite::{Ability, Subject, World};

/// `protocol::testing::memory`.
#[derive(Clone, Copy, Debug)]
pub struct Memory;

impl Subject for Memory {
    fn name(&self) -> &str {
        "memory"
    }

    fn lacks(&self, ability: Ability) -> Option<&'static str> {
        match ability {
            Ability::TcpOptions => Some("a pair in memory has no socket, and so no options"),
            Ability::Descriptors => Some("a pair in memory has no descriptor"),
            Ability::PassDescriptors => Some("a pair in memory carries bytes alone"),
            Ability::FdSet => Some("a network in memory has no poll"),
            Ability::Core => Some("a network in memory has no loop that runs: a test pumps it"),
            Ability::Threads => Some("no thread can reach it: it is no_std, and the test's own"),
            _ => None,
        }
    }

    fn world(&self, _round: u32) -> Result<Rc<dyn World>, Failure> {
        let (network, clock) = (Network::new(), Clock::new());
        network.run_clock(&clock);
        network.catch_panics(catch);
        Ok(Rc::new(MemoryWorld { network, clock, names: Cell::new(0) }))
    }

    fn large_bytes(&self) -> usize {
        4 * 1024 * 1024
    }
}

struct MemoryWorld {
    network: Network,
    clock: Clock,
    names: Cell<u32>,
}

fn catch(call: &mut dyn FnMut()) -> Result<(), Rc<str>> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|payload| panic_message(&*payload).into())
}

impl MemoryWorld {
    /// The time until the next delayed call is due.
    fn until_next_call(&self) -> Option<Duration> {
        let next = self.clock.delayed_calls().first().and_then(|call| call.time());
        next.map(|time| time.saturating_sub(self.clock.now()))
    }
}

impl World for MemoryWorld {
    fn server(&self) -> Rc<dyn StreamServerEndpoint> {
        self.names.set(self.names.get() + 1);
        Rc::new(self.network.server(&self.names.get().to_string()))
    }

    fn client(&self, address: &Address) -> Rc<dyn StreamClientEndpoint> {
        let text = address.to_string();
        Rc::new(self.network.client(text.strip_prefix("memory:").unwrap_or(&text)))
    }

    fn connect_refused(&self, factory: Rc<dyn Factory>) -> Deferred<()> {
        self.network.client("nobody").connect(factory)
    }

    fn turn(&self) -> Result<(), Failure> {
        let had_due_calls = self.until_next_call() == Some(Duration::ZERO);
        if self.network.pump() || had_due_calls {
            // Time passes for a network that is never at rest, too; the next round runs the due calls.
            self.clock.elapse(Duration::from_micros(10));
            return Ok(());
        }
        let until_next = self.until_next_call();
        let wait = Duration::from_millis(5);
        self.clock.elapse(until_next.unwrap_or(wait).min(wait));
        Ok(())
    }

    fn time(&self) -> Rc<dyn ReactorTime> {
        Rc::new(self.clock.clone())
    }

    fn set_observer(&self, observer: Rc<dyn Observer>) {
        self.network.set_observer(observer);
    }

    fn leftovers(&self) -> Vec<String> {
        let counts = [(self.network.connections(), "ends"), (self.clock.pending(), "timers")];
        let some = counts.into_iter().filter(|(count, _)| *count > 0);
        some.map(|(count, what)| format!("{count} {what}")).collect()
    }
}
