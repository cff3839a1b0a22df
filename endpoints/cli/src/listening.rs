//! Opens several ports at once, and announces their addresses.
//!
//! Invariant: all are open, or none is.

use std::io::{self, Write as _};
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use deferred::Failure;
use endpoints::{Description, StdioServerEndpoint, Value};
use interfaces::{Address, Factory, ListeningPort, StreamServerEndpoint, printable};

use crate::report;

/// An endpoint to listen on, and its string.
pub(crate) struct Listen {
    pub(crate) text: String,
    pub(crate) endpoint: Rc<dyn StreamServerEndpoint>,
    /// Whether it means every address, IPv6 included.
    pub(crate) is_dual: bool,
    /// Whether it is no socket, but standard input and output.
    pub(crate) is_stdio: bool,
}

/// Whether the layer at the wire is standard input and output.
pub(crate) fn is_stdio(description: &Description) -> bool {
    description.layers.last().is_some_and(|layer| layer == "stdio")
}

/// Whether a string means every address of the machine, given or by default.
pub(crate) fn is_dual(description: &Description) -> bool {
    let every = ("interface", Value::Text("::".into()));
    description.arguments.contains(&every)
}

/// The note about a port that has less than its string says.
fn note(listen: &Listen, port: &dyn ListeningPort) -> Option<String> {
    let host = port.host();
    let is_less = listen.is_dual && matches!(host, Address::Ipv4(_));
    is_less.then(|| {
        let text = printable(&listen.text);
        format!("note: {text}: this machine has no IPv6, so it listens on {host} alone")
    })
}

/// Listens on each endpoint, in order.
///
/// # Errors
///
/// The string and the failure of the first endpoint that fails; the ports before it are closed again.
pub(crate) async fn open(
    endpoints: &[Listen],
    factory: &Rc<dyn Factory>,
) -> Result<Vec<Rc<dyn ListeningPort>>, (String, Failure)> {
    let mut ports: Vec<Rc<dyn ListeningPort>> = Vec::with_capacity(endpoints.len());
    for listen in endpoints {
        match listen.endpoint.listen(factory.clone()).await {
            Ok(port) => {
                if let Some(note) = note(listen, &*port) {
                    report::note(format_args!("{note}"));
                }
                ports.push(port);
            }
            Err(failure) => {
                close(ports).await;
                return Err((listen.text.clone(), failure));
            }
        }
    }
    Ok(ports)
}

async fn close(ports: Vec<Rc<dyn ListeningPort>>) {
    for port in ports {
        if let Err(failure) = port.stop_listening().await {
            report::error(&failure);
        }
    }
}

/// The wait for standard output, which may be a pipe that is not read.
const ANNOUNCED: Duration = Duration::from_secs(1);

/// Prints `listening ADDRESS` with the actual address of each socket to standard output, then `status ADDRESS` of
/// the status port, and flushes; to standard error, where standard output is a connection of the server's.
///
/// A thread prints, so that an output that is full delays the server for a moment only.
pub(crate) fn announce(ports: &[Rc<dyn ListeningPort>], status: &[Rc<dyn ListeningPort>]) {
    let lines = lines("listening", ports) + &lines("status", status);
    if ports.iter().any(|port| is_stdio_port(&**port)) {
        return lines.lines().for_each(|line| report::note(format_args!("{line}")));
    }
    let (done, is_done) = mpsc::channel();
    let for_thread = lines.clone();
    let thread = thread::Builder::new().name("announce".into()).spawn(move || {
        print(&for_thread);
        // Without a receiver the server went on already.
        let _ = done.send(());
    });
    match thread {
        Ok(_) => drop(is_done.recv_timeout(ANNOUNCED)),
        Err(_) => print(&lines),
    }
}

fn print(lines: &str) {
    let mut output = io::stdout().lock();
    if let Err(error) = output.write_all(lines.as_bytes()).and_then(|()| output.flush()) {
        // The server goes on: its clients may know the address without this line.
        report::note(format_args!("warning: cannot write to standard output: {error}"));
    }
}

/// Whether it is no socket, but standard input and output.
fn is_stdio_port(port: &dyn ListeningPort) -> bool {
    matches!(port.host(), Address::Other(name) if &*name == StdioServerEndpoint::NAME)
}

fn lines(word: &str, ports: &[Rc<dyn ListeningPort>]) -> String {
    ports.iter().flat_map(|port| port.hosts()).map(|host| format!("{word} {host}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::future::Future;
    use std::task::{Context, Poll, Waker};

    use deferred::Deferred;
    use interfaces::{ListenError, UnixAddress};

    /// Listens without a socket, counts the open ports, and refuses the port after `room`.
    struct Doors {
        open: Rc<Cell<usize>>,
        room: usize,
    }

    struct Door {
        open: Rc<Cell<usize>>,
    }

    impl StreamServerEndpoint for Doors {
        fn listen(&self, _factory: Rc<dyn Factory>) -> Deferred<Rc<dyn ListeningPort>> {
            if self.open.get() == self.room {
                return Deferred::fail(ListenError::InUse {
                    address: UnixAddress::Unnamed.into(),
                    process: None,
                });
            }
            self.open.set(self.open.get() + 1);
            Deferred::succeed(Rc::new(Door { open: self.open.clone() }))
        }
    }

    impl ListeningPort for Door {
        fn host(&self) -> Address {
            UnixAddress::Abstract(Rc::from(&b"door"[..])).into()
        }

        fn stop_listening(&self) -> Deferred<()> {
            self.open.set(self.open.get() - 1);
            Deferred::succeed(())
        }
    }

    fn doors(room: usize) -> (Vec<Listen>, Rc<Cell<usize>>) {
        let open = Rc::new(Cell::new(0));
        let listen = |text: &str| Listen {
            text: text.into(),
            endpoint: Rc::new(Doors { open: open.clone(), room }),
            is_dual: false,
            is_stdio: false,
        };
        (["one", "two", "three"].map(listen).into(), open)
    }

    /// A port that is nowhere but at this address.
    struct At(&'static str);

    impl ListeningPort for At {
        fn host(&self) -> Address {
            self.0.parse::<std::net::SocketAddr>().unwrap().into()
        }

        fn stop_listening(&self) -> Deferred<()> {
            Deferred::succeed(())
        }
    }

    #[test]
    fn a_port_that_has_ipv4_alone_is_noted_where_its_string_means_every_address() {
        let reactor = reactor::Reactor::simulated(1);
        let registry = ropewalk::tls::register(endpoints::Registry::new(), reactor);
        for (text, host, is_noted) in [
            ("tls:/pems", "0.0.0.0:443", true),
            ("tls:/pems", "[::]:443", false),
            ("tls:/pems:interface=0.0.0.0", "0.0.0.0:443", false),
        ] {
            let parsed = registry.parse_server(text).unwrap();
            let is_dual = is_dual(&parsed.description);
            let endpoint = parsed.endpoint;
            let listen = Listen { text: text.into(), endpoint, is_dual, is_stdio: false };
            let note = note(&listen, &At(host));
            assert_eq!(note.is_some(), is_noted, "{text} {host}: {note:?}");
        }
    }

    /// Nothing here waits, so one poll is enough.
    fn finished<T>(future: impl Future<Output = T>) -> T {
        match Box::pin(future).as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("it waits for something"),
        }
    }

    fn factory() -> Rc<dyn Factory> {
        protocol::factory_fn(|_| protocol::wire::Discard)
    }

    #[test]
    fn all_are_opened_and_told_in_order() {
        let (endpoints, open) = doors(3);
        let ports = finished(super::open(&endpoints, &factory())).ok().unwrap();
        assert_eq!((ports.len(), open.get()), (3, 3));
        assert_eq!(lines("listening", &ports), "listening unix:abstract=door\n".repeat(3));
    }

    #[test]
    fn when_one_cannot_be_opened_none_stays_open() {
        let (endpoints, open) = doors(2);
        let (text, failure) = finished(super::open(&endpoints, &factory())).err().unwrap();
        assert_eq!(text, "three");
        assert!(failure.check::<ListenError>());
        assert_eq!(open.get(), 0);
    }
}
