//! `ropewalk activate`: sockets for another program.
//!
//! Invariant: every string is parsed, and the signals are caught, before the first port opens.

use std::cell::RefCell;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use deferred::Failure;
use endpoints::ServerString;
use interfaces::{Factory, ListeningPort, ReactorCore as _};
use reactor::Reactor;
use systemd::ListenFds;

use crate::activate::{
    FirstClient, Handed, Instances, Launch, SocketName, become_program, check_program,
};
use crate::app::App;
use crate::arguments::{Activate, ActivateConnection};
use crate::exit_code::Exit;
use crate::listening::{self, Listen};
use crate::report;

/// The programs of connections, once there may be some.
type RunningInstances = Rc<RefCell<Option<Rc<Instances>>>>;

/// Listens, and hands the sockets or their connections to the program.
pub(crate) fn run(arguments: &Activate) -> Result<Exit, Exit> {
    let names = names(arguments)?;
    check_program(&arguments.program, &arguments.setenv)?;
    let inherited = ListenFds::from_environment().unwrap_or_else(ListenFds::unavailable);
    let app = App::new(inherited)?;
    let strings: Vec<ServerString> =
        arguments.listen.iter().map(|listen| listen.endpoint.clone()).collect();
    let listen = app.listen(&strings)?;
    check_plain(&app, &strings)?;
    let instances = RunningInstances::default();
    catch_signals(&app.reactor, &instances)?;
    let activation = Activation {
        reactor: app.reactor.clone(),
        listen,
        names,
        start: match (arguments.accept, arguments.now) {
            (true, _) => Start::EachConnection,
            (false, true) => Start::Now,
            (false, false) => Start::FirstClient,
        },
        launch: Launch {
            program: arguments.program.clone(),
            variables: arguments.setenv.clone(),
            inetd: arguments.inetd,
            most: arguments.max_connections,
        },
        instances: instances.clone(),
    };
    let exit = app.run(activation.run());
    drop(instances.take());
    Ok(exit)
}

/// Becomes the program of a connection, which is there.
pub(crate) fn connection(arguments: &ActivateConnection) -> ! {
    let handed = match &arguments.fdname {
        Some(name) => Handed::InPlace(name.clone()),
        None => Handed::StandardInPlace,
    };
    become_program(&arguments.program, &arguments.setenv, handed)
}

/// The names of the sockets, in order.
fn names(arguments: &Activate) -> Result<Vec<String>, Exit> {
    let wrong = |text: &str| {
        report::note(format_args!("error: {text}"));
        Exit::Usage
    };
    let (listen, given) = (&arguments.listen, &arguments.fdname);
    if arguments.inetd && !arguments.accept && listen.len() > 1 {
        return Err(wrong("--inetd hands over one socket: give one --listen, or --accept"));
    }
    if given.is_empty() {
        let name = |name: &Option<SocketName>| match name {
            Some(name) => name.0.clone(),
            None => SocketName::UNKNOWN.into(),
        };
        return Ok(listen.iter().map(|listen| name(&listen.name)).collect());
    }
    if listen.iter().any(|listen| listen.name.is_some()) {
        return Err(wrong("the sockets have their names from --fdname or from --listen, not both"));
    }
    if given.len() != listen.len() {
        return Err(wrong("--fdname has to have one name for each --listen, with colons between"));
    }
    Ok(given.iter().map(|name| name.0.clone()).collect())
}

/// Refuses an endpoint with layers of its own, which the program would not get with the socket.
fn check_plain(app: &App, strings: &[ServerString]) -> Result<(), Exit> {
    let layered = |string: &&ServerString| {
        app.parse_server(string.as_str()).is_ok_and(|parsed| parsed.description.layers.len() > 1)
    };
    let layered: Vec<_> = strings.iter().filter(layered).collect();
    for string in &layered {
        let text =
            "the program gets the socket alone, without the layers above it: use relay for those";
        report::failed(string.as_str(), &Failure::msg(text));
    }
    if layered.is_empty() { Ok(()) } else { Err(Exit::Usage) }
}

/// Ends the waiting, or has the programs end.
fn catch_signals(reactor: &Reactor, instances: &RunningInstances) -> Result<(), Exit> {
    for (signal, name) in [(libc::SIGTERM, "TERM"), (libc::SIGINT, "INT")] {
        let (stopped, instances) = (reactor.clone(), Rc::downgrade(instances));
        let take = move || {
            let running = instances.upgrade().and_then(|it| it.borrow().clone());
            match running {
                Some(running) => running.signal(name),
                // It may be stopping already.
                None => drop(stopped.stop()),
            }
        };
        reactor.on_signal(signal, take).map_err(|error| {
            report::note(format_args!("error: cannot catch signal {signal}: {error}"));
            Exit::Unavailable
        })?;
    }
    Ok(())
}

/// When the program starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    Now,
    FirstClient,
    EachConnection,
}

/// The endpoints, and the program that gets their sockets.
struct Activation {
    reactor: Reactor,
    listen: Vec<Listen>,
    names: Vec<String>,
    start: Start,
    launch: Launch,
    instances: RunningInstances,
}

impl Activation {
    /// Ends only when something is wrong, or with the programs of all connections.
    async fn run(self) -> Exit {
        let (factory, came) = FirstClient::new();
        let factory: Rc<dyn Factory> = factory;
        let ports = match listening::open(&self.listen, &factory).await {
            Ok(ports) => ports,
            Err((text, failure)) => {
                report::failed(&text, &failure);
                return Exit::of(&failure);
            }
        };
        let sockets = match self.sockets(&ports) {
            Ok(sockets) => sockets,
            Err(exit) => return exit,
        };
        self.announce(&ports);
        match self.start {
            Start::Now => {}
            // It never fails, as the factory keeps the promise until it fires.
            Start::FirstClient => drop(came.await),
            Start::EachConnection => {
                let sockets = sockets.into_iter().zip(self.names).collect();
                let (instances, ended) = Instances::begin(&self.reactor, self.launch, sockets);
                self.instances.replace(Some(instances));
                return ended.await.unwrap_or(Exit::Unavailable);
            }
        }
        let Launch { program, variables, inetd, .. } = self.launch;
        let mut sockets = sockets;
        let handed = match sockets.pop() {
            // There is one.
            Some(only) if inetd => Handed::Standard(only),
            last => {
                sockets.extend(last);
                Handed::Listening(sockets, self.names)
            }
        };
        become_program(&program, &variables, handed)
    }

    /// A copy of each port's socket.
    fn sockets(&self, ports: &[Rc<dyn ListeningPort>]) -> Result<Vec<OwnedFd>, Exit> {
        let copies = self.listen.iter().zip(ports).map(|(listen, port)| {
            port.copy_socket().map_err(|error| {
                report::failed(&listen.text, &Failure::new(error));
                Exit::Unavailable
            })
        });
        copies.collect()
    }

    /// Says where it listens, on standard error, as standard output is the program's.
    fn announce(&self, ports: &[Rc<dyn ListeningPort>]) {
        for (port, name) in ports.iter().zip(&self.names) {
            report::note(format_args!("listening {} as {name}", port.host()));
        }
    }
}
