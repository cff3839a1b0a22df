//! A process without a free descriptor: clients are turned away or wait, connections go on, and the
//! port recovers.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::support::child::{in_child, processor_time, set_descriptor_limit};
use crate::support::{Lines, echo, listen, open_descriptors, turn_until};
use interfaces::{ListeningPort, ReactorSocket as _};
use ropewalk_reactor::Reactor;
use socket2::{Domain, Socket, Type};

/// How many descriptors such a child may have.
const LIMIT: u64 = 64;

/// Opens files by `open` until no descriptor is left. Whatever else goes wrong, all are closed.
fn exhaust_by<F>(mut open: impl FnMut() -> io::Result<F>) -> io::Result<Vec<F>> {
    let mut files = Vec::new();
    loop {
        match open() {
            Ok(file) => files.push(file),
            Err(error) if error.raw_os_error() == Some(libc::EMFILE) => return Ok(files),
            Err(error) => return Err(error),
        }
    }
}

fn exhaust() -> Vec<File> {
    exhaust_by(|| File::open("/dev/null")).unwrap()
}

/// A client's socket, which needs no further descriptor to connect.
fn client() -> Socket {
    Socket::new(Domain::IPV4, Type::STREAM, None).unwrap()
}

fn connect(client: &Socket, address: SocketAddr) {
    client.connect(&address.into()).unwrap();
    client.set_nonblocking(true).unwrap();
}

/// Whether the client is echoed.
fn is_served(reactor: &Reactor, mut client: &Socket) -> bool {
    client.write_all(b"ping").unwrap();
    let mut answer = [0; 4];
    turn_until(reactor, "the echo came", || client.read_exact(&mut answer).is_ok());
    answer == *b"ping"
}

/// Whether the client was turned away by a reset, as the end of file would say that it was served; `None` as long as it waits.
fn was_turned_away(mut client: &Socket) -> Option<bool> {
    match client.read(&mut [0; 1]) {
        Ok(_) => Some(false),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
        Err(error) => Some(error.kind() == io::ErrorKind::ConnectionReset),
    }
}

/// Turns for a while in which nothing is to be done, and asserts that nothing is.
fn rests(reactor: &Reactor, lines: &Rc<Lines>) {
    let (told, used, start) = (lines.0.borrow().len(), processor_time(), Instant::now());
    let mut turns = 0;
    while start.elapsed() < Duration::from_millis(500) {
        reactor.turn(Some(Duration::from_millis(100))).unwrap();
        turns += 1;
    }
    let used = processor_time().saturating_sub(used);
    // A loop that spins makes tens of thousands of turns.
    assert!(turns < 50, "{turns} turns, {used:?} of processor time");
    let told = lines.0.borrow()[told..].to_vec();
    assert!(told.len() < 10, "{told:?}");
}

#[test]
fn without_a_descriptor_the_reserve_turns_clients_away_and_the_others_go_on() {
    in_child(|| turn_clients_away(|reactor| listen(reactor, echo())));
}

#[test]
fn an_adopted_port_turns_clients_away_with_the_reserve_too() {
    in_child(|| {
        turn_clients_away(|reactor| {
            let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
            let address = listener.local_addr().unwrap();
            (reactor.adopt_stream_port(listener.into(), echo()).unwrap(), address)
        });
    });
}

fn turn_clients_away(open: impl FnOnce(&Reactor) -> (Rc<dyn ListeningPort>, SocketAddr)) {
    set_descriptor_limit(LIMIT);
    let reactor = Reactor::new().unwrap();
    let lines = Lines::watch(&reactor);
    let (_port, address) = open(&reactor);
    let (first, waiting, later) = (client(), [client(), client(), client()], client());
    connect(&first, address);
    assert!(is_served(&reactor, &first));

    let files = exhaust();
    for client in &waiting {
        connect(client, address);
    }
    for client in &waiting {
        let mut answer = None;
        turn_until(&reactor, "the client is turned away", || {
            answer = was_turned_away(client);
            answer.is_some()
        });
        assert_eq!(answer, Some(true));
    }
    assert!(is_served(&reactor, &first), "who was there goes on");
    assert_eq!(lines.count("closed the connection with the reserve"), waiting.len());
    assert_eq!(lines.count("pauses"), 0, "nothing was left to do: {:?}", lines.0);
    rests(&reactor, &lines);

    drop(files);
    connect(&later, address);
    assert!(is_served(&reactor, &later), "the port listens on");
    assert_eq!(reactor.counts().ports, 1);
}

#[test]
fn without_even_a_reserve_the_port_rests_and_recovers() {
    in_child(|| {
        set_descriptor_limit(LIMIT);
        let reactor = Reactor::new().unwrap();
        let lines = Lines::watch(&reactor);
        let (first, waiting) = (client(), [client(), client()]);
        let mut files = exhaust();
        // One for the port, and one for the first client; none for the reserve.
        files.pop();
        let (port, address) = listen(&reactor, echo());
        files.pop();
        connect(&first, address);
        assert!(is_served(&reactor, &first));

        for client in &waiting {
            connect(client, address);
        }
        turn_until(&reactor, "the port rests", || lines.count("pauses") > 0);
        let told = lines.0.borrow().clone();
        let failures = told.iter().filter(|it| it.contains("EMFILE") || it.contains("OsError(24)"));
        assert_eq!((failures.count(), told.len()), (1, 2), "one failure, and the rest: {told:?}");
        rests(&reactor, &lines);
        assert!(is_served(&reactor, &first), "who was there goes on");

        drop(files);
        for client in &waiting {
            assert!(is_served(&reactor, client), "who waited is served at last");
        }
        drop(port.stop_listening());
        assert_eq!(reactor.counts().ports, 0);
    });
}

#[test]
fn a_client_without_a_descriptor_is_told_so() {
    in_child(|| {
        use interfaces::{ConnectTcp, ListenError, ListenTcp, ReactorTcp as _};
        set_descriptor_limit(LIMIT);
        let reactor = Reactor::new().unwrap();
        let (_port, address) = listen(&reactor, echo());
        let files = exhaust();
        let told = Rc::new(std::cell::RefCell::new(None));
        let slot = told.clone();
        let attempt = reactor.connect_tcp(&ConnectTcp::new(address), echo());
        drop(attempt.add_errback(move |failure| {
            slot.replace(Some(failure));
            Ok(())
        }));
        turn_until(&reactor, "the attempt failed", || told.borrow().is_some());
        let failure = told.take().unwrap();
        let words: Vec<_> = failure.sources().map(ToString::to_string).collect();
        assert!(format!("{words:?} {failure:?}").contains("24"), "{failure:?}");
        match reactor.listen_tcp(&ListenTcp::new(([127, 0, 0, 1], 0)), echo()).map(drop) {
            Err(ListenError::Refused { source, hint, .. }) => {
                assert_eq!(source.raw_os_error(), libc::EMFILE);
                assert!(!hint.is_empty());
            }
            other => panic!("{other:?}"),
        }
        drop(files);
        assert_eq!(reactor.counts().attempts, 0);
    });
}

#[test]
fn the_files_that_exhaust_a_process_are_all_that_it_has_and_close_with_their_list() {
    in_child(|| {
        set_descriptor_limit(LIMIT);
        let files = exhaust();
        assert!(!files.is_empty());
        let refused = File::open("/dev/null").unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(libc::EMFILE));
        drop(files);
        let before = open_descriptors();
        let mut left = 5;
        let other = exhaust_by(|| {
            left -= 1;
            if left == 0 { File::open("/no/such/file") } else { File::open("/dev/null") }
        });
        assert_eq!(other.unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(open_descriptors(), before, "those that were opened are closed");
    });
}

#[test]
fn without_a_descriptor_the_kernel_refuses_an_accept_and_goes_on_with_a_connect() {
    in_child(|| {
        set_descriptor_limit(LIMIT);
        let server = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        server.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        server.listen(5).unwrap();
        let client = client();
        client.set_nonblocking(true).unwrap();
        let files = exhaust();
        let begun = client.connect(&server.local_addr().unwrap());
        let is_under_way = |error: &io::Error| error.raw_os_error() == Some(libc::EINPROGRESS);
        assert!(begun.as_ref().err().is_none_or(is_under_way), "{begun:?}");
        let refused = server.accept().unwrap_err().raw_os_error();
        assert!(matches!(refused, Some(libc::EMFILE | libc::ENOBUFS)), "{refused:?}");
        drop(files);
    });
}

/// Opens a file for as long as a failed accept is told, and keeps it if it can.
#[derive(Default)]
struct Thief(std::cell::RefCell<Vec<io::Result<File>>>);

impl interfaces::Observer for Thief {
    fn observe(&self, event: &interfaces::ReactorEvent<'_>) {
        if let interfaces::ReactorEvent::AcceptFailed { .. } = event {
            self.0.borrow_mut().push(File::open("/dev/null"));
        }
    }
}

#[test]
fn an_observer_that_opens_files_does_not_get_the_reserve() {
    in_child(|| {
        set_descriptor_limit(LIMIT);
        let reactor = Reactor::new().unwrap();
        let thief = Rc::new(Thief::default());
        reactor.set_observer(thief.clone());
        let (_port, address) = listen(&reactor, echo());
        let clients = [client(), client(), client()];
        let files = exhaust();
        for client in &clients {
            connect(client, address);
            turn_until(&reactor, "it is turned away", || was_turned_away(client) == Some(true));
        }
        let tried = thief.0.take();
        assert_eq!(tried.len(), clients.len());
        assert!(tried.iter().all(Result::is_err), "{tried:?}");
        drop(files);
    });
}

#[test]
fn clients_of_every_kind_of_port_are_turned_away_before_a_protocol_is_built() {
    in_child(|| {
        use std::os::fd::OwnedFd;

        use interfaces::{ListenUnix, ReactorSocket as _, ReactorUnix as _, UnixAddress};
        set_descriptor_limit(LIMIT);
        let reactor = Reactor::new().unwrap();
        let none = || protocol::factory_fn(|_: &_| -> crate::support::Echo { panic!("built") });
        let directory = tempfile::tempdir().unwrap();
        let [bound, adopted] = ["bound", "adopted"].map(|name| directory.path().join(name));
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let adopted_address = listener.local_addr().unwrap();
        let unix = std::os::unix::net::UnixListener::bind(&adopted).unwrap();
        let name = std::os::unix::ffi::OsStrExt::as_bytes(bound.as_os_str());
        let options = ListenUnix::new(UnixAddress::Path(name.into()));
        let (port, address) = listen(&reactor, none());
        let ports = [
            port,
            reactor.listen_unix(&options, none()).unwrap(),
            reactor.adopt_stream_port(OwnedFd::from(listener), none()).unwrap(),
            reactor.adopt_stream_port(OwnedFd::from(unix), none()).unwrap(),
        ];
        let unix_client = || Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        let clients: [(Socket, socket2::SockAddr); 4] = [
            (client(), address.into()),
            (unix_client(), socket2::SockAddr::unix(&bound).unwrap()),
            (client(), adopted_address.into()),
            (unix_client(), socket2::SockAddr::unix(&adopted).unwrap()),
        ];
        let files = exhaust();
        for (socket, address) in &clients {
            let mut client = socket;
            client.connect(address).unwrap();
            client.set_nonblocking(true).unwrap();
            let mut end = None;
            turn_until(&reactor, "it is turned away", || {
                end = match client.read(&mut [0]) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
                    end => Some(end),
                };
                end.is_some()
            });
            // A UNIX socket has no reset: its end of file is all there is.
            let is_over = matches!(&end, Some(Ok(0) | Err(_)));
            assert!(is_over, "{address:?}: {end:?}");
        }
        drop(files);
        assert_eq!(reactor.counts().ports, ports.len());
        assert_eq!(reactor.counts().streams, 0);
    });
}
