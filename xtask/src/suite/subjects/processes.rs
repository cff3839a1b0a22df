//! Child processes, and standard input and output, of the operating system and simulated.
//!
//! Invariant: no child outlives its world.

use std::cell::RefCell;
use std::io::pipe;
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::time::Duration;

use deferred::Failure;
use interfaces::{
    Address, Deliver, ReactorDescriptors, ReactorProcess, ReactorStdio, SpawnProcess,
    StreamClientEndpoint, StreamServerEndpoint, UnixAddress,
};
use reactor::simulated::{Faults, Script, Simulated};
use reactor::{Kernel, Reactor};

use super::no_streams::NoStreams;
use super::reactor_world::{Place, ReactorWorld, limits};
use super::shell::{SHELL, Scripts};
use crate::suite::{Ability, Carries, ChildPrograms, ChildScript, ChildStep, Subject, World};

/// Processes of the operating system, which follow their scripts as programs of the shell.
#[derive(Clone, Copy, Debug)]
pub struct Processes;

impl Subject for Processes {
    fn name(&self) -> &str {
        "process"
    }

    fn carries(&self) -> Carries {
        Carries::Processes
    }

    fn lacks(&self, _: Ability) -> Option<&'static str> {
        None
    }

    fn world(&self, _round: u32) -> Result<Rc<dyn World>, Failure> {
        let reactor = Reactor::with_limits(limits())?;
        let peers = RefCell::default();
        let place = KernelPrograms(Rc::new(Running { scripts: Scripts::new()?, peers }));
        Ok(Rc::new(ReactorWorld::new(reactor, place)))
    }
}

/// Simulated processes: slow ones, whose pipes bring less than there is, with spontaneous `EAGAIN` and
/// `EINTR` and late and spurious reports.
#[derive(Clone, Copy, Debug)]
pub struct SimulatedProcesses {
    /// The number of seeds of each case. Children are slower with each.
    pub seeds: u32,
}

impl Subject for SimulatedProcesses {
    fn name(&self) -> &str {
        "simulated-process"
    }

    fn carries(&self) -> Carries {
        Carries::Processes
    }

    fn lacks(&self, _: Ability) -> Option<&'static str> {
        None
    }

    fn world(&self, round: u32) -> Result<Rc<dyn World>, Failure> {
        let network = Simulated::new(u64::from(round));
        network.set_faults(Faults::harmless());
        let reactor = Reactor::on(network, limits());
        let slowest = Duration::from_millis(1 + 10 * u64::from(round));
        Ok(Rc::new(ReactorWorld::new(reactor, SimulatedPrograms { slowest })))
    }

    fn rounds(&self) -> u32 {
        self.seeds
    }
}

/// The scripts, and the programs at the other ends of a connection's descriptors.
struct Running {
    scripts: Scripts,
    peers: RefCell<Vec<Child>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        for mut peer in self.peers.take() {
            // One that has ended needs no signal.
            let _ = peer.kill();
            let _ = peer.wait();
        }
    }
}

#[derive(Clone)]
struct KernelPrograms(Rc<Running>);

impl Place<Kernel> for KernelPrograms {
    fn server(&self, _: &Reactor) -> Rc<dyn StreamServerEndpoint> {
        Rc::new(NoStreams(Carries::Processes))
    }

    fn client(&self, _: &Reactor, _: &Address) -> Rc<dyn StreamClientEndpoint> {
        Rc::new(NoStreams(Carries::Processes))
    }

    fn programs(&self, reactor: &Reactor) -> Option<Rc<dyn ChildPrograms>> {
        Some(Rc::new(OnKernel { reactor: reactor.clone(), running: self.0.clone() }))
    }

    fn unused_address(&self) -> Address {
        Address::from(UnixAddress::Unnamed)
    }

    fn leftovers(&self, _: &Reactor) -> Vec<String> {
        let mut peers = self.0.peers.borrow_mut();
        peers.retain_mut(|peer| matches!(peer.try_wait(), Ok(None)));
        peers.iter().map(|peer| format!("the program {}", peer.id())).collect()
    }
}

struct OnKernel {
    reactor: Reactor,
    running: Rc<Running>,
}

impl ChildPrograms for OnKernel {
    fn program(&self, script: &ChildScript) -> Result<SpawnProcess, Failure> {
        let path = self.running.scripts.add(script)?;
        Ok(SpawnProcess::new(SHELL).with_arguments([path]))
    }

    fn reactor(&self) -> Rc<dyn ReactorProcess> {
        Rc::new(self.reactor.clone())
    }

    fn open_stdio(&self, script: &ChildScript, protocol: Rc<dyn Deliver>) -> Result<(), Failure> {
        let (input, its_output) = pipe()?;
        let (its_input, output) = pipe()?;
        let mut command = Command::new(SHELL);
        command.arg(self.running.scripts.add(script)?).stdin(its_input).stdout(its_output);
        let peer = command.stderr(Stdio::null()).spawn()?;
        self.running.peers.borrow_mut().push(peer);
        Ok(self.reactor.open_descriptors(input.into(), output.into(), protocol)?)
    }
}

#[derive(Clone, Copy)]
struct SimulatedPrograms {
    slowest: Duration,
}

impl Place<Simulated> for SimulatedPrograms {
    fn server(&self, _: &Reactor<Simulated>) -> Rc<dyn StreamServerEndpoint> {
        Rc::new(NoStreams(Carries::Processes))
    }

    fn client(&self, _: &Reactor<Simulated>, _: &Address) -> Rc<dyn StreamClientEndpoint> {
        Rc::new(NoStreams(Carries::Processes))
    }

    fn programs(&self, reactor: &Reactor<Simulated>) -> Option<Rc<dyn ChildPrograms>> {
        let count = std::cell::Cell::new(0);
        Some(Rc::new(InSimulation { reactor: reactor.clone(), slowest: self.slowest, count }))
    }

    fn unused_address(&self) -> Address {
        Address::from(UnixAddress::Unnamed)
    }

    fn leftovers(&self, reactor: &Reactor<Simulated>) -> Vec<String> {
        let carried = reactor.system().carried();
        let counts = [(carried.children, "simulated children"), (carried.pipes, "simulated pipes")];
        let some = counts.into_iter().filter(|(count, _)| *count > 0);
        some.map(|(count, what)| format!("{count} {what}")).collect()
    }
}

struct InSimulation {
    reactor: Reactor<Simulated>,
    slowest: Duration,
    count: std::cell::Cell<u32>,
}

impl InSimulation {
    fn script(&self, script: &ChildScript) -> Script {
        let simulated = Script::new().paced(Duration::ZERO..=self.slowest);
        let simulated = script.ignored().iter().fold(simulated, |it, signal| it.ignoring(*signal));
        script.steps().iter().fold(simulated, |it, step| match step {
            ChildStep::Write(child_fd, bytes) => it.write(*child_fd, bytes.clone()),
            ChildStep::Read(length) => it.read(*length),
            ChildStep::Echo => it.echo(),
            ChildStep::Close(child_fd) => it.close(*child_fd),
            ChildStep::Sleep(time) => it.sleep(*time),
            ChildStep::Exit(code) => it.exit(*code),
            ChildStep::Die(signal) => it.die(*signal),
        })
    }
}

impl ChildPrograms for InSimulation {
    fn program(&self, script: &ChildScript) -> Result<SpawnProcess, Failure> {
        self.count.set(self.count.get() + 1);
        let name = format!("program {:p} {}", self, self.count.get());
        self.reactor.system().install(name.as_str(), self.script(script));
        Ok(SpawnProcess::new(name))
    }

    fn reactor(&self) -> Rc<dyn ReactorProcess> {
        Rc::new(self.reactor.clone())
    }

    fn open_stdio(&self, script: &ChildScript, protocol: Rc<dyn Deliver>) -> Result<(), Failure> {
        self.reactor.system().connect_stdio(self.script(script));
        Ok(self.reactor.open_stdio(protocol)?)
    }
}
