//! Notifications arrive at the service manager as they were said, or are errors; and never block.
//!
//! Invariant: the manager is a socket of the test's own, and time is a clock that the test moves.

use std::cell::RefCell;
use std::ffi::OsStr;
use std::net::TcpListener;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::Stdio;
use std::rc::Rc;
use std::time::Duration;

use interfaces::{Address, ListeningPort, ShareSocketError, UnixAddress};
use protocol::testing::Clock;
use ropewalk_systemd as systemd;
use systemd::{ManagedService, Notification, Notifier, NotifyError};
use testkit::find_peer;

/// A manager that listens at a path.
pub(crate) struct Manager {
    socket: UnixDatagram,
    pub(crate) notifier: Notifier,
    _directory: tempfile::TempDir,
}

impl Manager {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_nonblocking(true).unwrap();
        Self { socket, notifier: Notifier::new(path.as_os_str()).unwrap(), _directory: directory }
    }

    /// The notifications since the last call.
    pub(crate) fn told(&self) -> Vec<String> {
        std::iter::from_fn(|| receive(&self.socket)).collect()
    }
}

fn receive(socket: &UnixDatagram) -> Option<String> {
    let mut buffer = [0; 4096];
    let length = socket.recv(&mut buffer).ok()?;
    Some(String::from_utf8(buffer[..length].to_vec()).unwrap())
}

/// A service whose errors are kept.
fn service(manager: &Manager, clock: &Clock) -> (ManagedService, Rc<RefCell<Vec<NotifyError>>>) {
    let errors = Rc::new(RefCell::new(Vec::new()));
    let kept = errors.clone();
    let on_error = move |error: &NotifyError| kept.borrow_mut().push(error.clone());
    (ManagedService::new(Some(manager.notifier.clone()), clock.clone(), on_error), errors)
}

#[test]
fn a_notification_is_one_datagram_over_a_path_or_an_abstract_name() {
    let manager = Manager::new();
    let both = Notification::new().ready().status("up");
    manager.notifier.notify(&both).unwrap();
    manager.notifier.notify(&Notification::new().stopping()).unwrap();
    assert_eq!(manager.told(), ["READY=1\nSTATUS=up", "STOPPING=1"]);

    let name = format!("ropewalk-notify-{}", std::process::id());
    let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    Notifier::new(OsStr::new(&format!("@{name}"))).unwrap().notify(&both).unwrap();
    assert_eq!(receive(&socket).as_deref(), Some("READY=1\nSTATUS=up"));
}

#[test]
fn an_address_of_another_kind_is_an_error_that_quotes_it() {
    let long = format!("/{}", "x".repeat(108));
    for text in ["notify", "", "/", "@", "vsock:2:1234", "./notify", "/a\0b", &long] {
        let error = Notifier::new(OsStr::new(text)).unwrap_err();
        assert_eq!(error, NotifyError::Address { text: text.into() });
    }
}

#[test]
fn a_manager_that_is_gone_is_an_error_that_says_what_it_was_not_told() {
    let manager = Manager::new();
    let notifier = manager.notifier.clone();
    drop(manager);
    let error = notifier.notify(&Notification::new().ready()).unwrap_err();
    assert!(error.to_string().starts_with("cannot tell \"READY=1\" to the service manager at \"/"));
    assert!(matches!(error, NotifyError::Send { .. }), "{error:?}");
}

#[test]
fn a_manager_that_does_not_read_gets_everything_in_order_when_it_does() {
    let (manager, clock) = (Manager::new(), Clock::new());
    let (service, errors) = service(&manager, &clock);
    let mut filling = 0;
    while manager.notifier.notify(&Notification::new().watchdog()).is_ok() {
        filling += 1;
    }
    service.reloading();
    service.ready("again");
    clock.advance(Duration::from_secs(1));
    let (told, rest) = (manager.told(), manager.told());
    assert_eq!((told.len(), rest.len()), (filling, 0), "nothing fits while the queue is full");
    clock.advance(Duration::from_millis(100));
    let told = manager.told();
    assert!(told[0].starts_with("RELOADING=1\nMONOTONIC_USEC="), "{told:?}");
    assert_eq!(told[1..], ["READY=1\nSTATUS=again"]);
    assert_eq!(*errors.borrow(), []);
    assert!(interfaces::ReactorTime::delayed_calls(&clock).is_empty(), "nothing is tried again");
}

#[test]
fn a_manager_that_never_reads_costs_a_bounded_number_of_messages_and_is_told_of() {
    let (manager, clock) = (Manager::new(), Clock::new());
    let (service, errors) = service(&manager, &clock);
    while manager.notifier.notify(&Notification::new().watchdog()).is_ok() {}
    for number in 0..70 {
        service.status(&number.to_string());
    }
    assert_eq!(errors.borrow().len(), 6, "64 wait");
    let oldest = errors.borrow()[0].to_string();
    assert!(oldest.starts_with("cannot tell \"STATUS=0\" to the service manager"), "{oldest}");
    let _filling = manager.told();
    clock.advance(Duration::from_millis(100));
    let told = manager.told();
    assert_eq!(told.first().map(String::as_str), Some("STATUS=6"));
}

#[test]
fn a_service_that_drains_asks_for_time_each_second_until_it_is_dropped() {
    let (manager, clock) = (Manager::new(), Clock::new());
    let (service, errors) = service(&manager, &clock);
    service.ready("serving");
    assert_eq!(manager.told(), ["READY=1\nSTATUS=serving"]);
    let left = Rc::new(RefCell::new(2));
    let count = left.clone();
    service.draining(move || format!("{} left", count.borrow()));
    let extension = "EXTEND_TIMEOUT_USEC=5000000";
    assert_eq!(manager.told(), [format!("STOPPING=1\nSTATUS=2 left\n{extension}")]);
    clock.advance(Duration::from_millis(999));
    assert!(manager.told().is_empty());
    clock.advance(Duration::from_millis(1));
    left.replace(1);
    clock.advance(Duration::from_secs(1));
    let news = |count: u32| format!("STATUS={count} left\n{extension}");
    assert_eq!(manager.told(), [news(2), news(1)]);
    drop(service);
    clock.advance(Duration::from_secs(10));
    assert!(manager.told().is_empty());
    assert_eq!(*errors.borrow(), []);
}

#[test]
fn draining_twice_tells_once_a_second() {
    let (manager, clock) = (Manager::new(), Clock::new());
    let (service, _errors) = service(&manager, &clock);
    service.draining(|| "first".into());
    service.draining(|| "second".into());
    drop(manager.told());
    clock.advance(Duration::from_secs(3));
    assert_eq!(manager.told(), ["STATUS=second\nEXTEND_TIMEOUT_USEC=5000000"; 3]);
}

#[test]
fn what_cannot_be_told_is_told_to_the_program() {
    let (manager, clock) = (Manager::new(), Clock::new());
    let (service, errors) = service(&manager, &clock);
    drop(manager);
    service.stopping("bye");
    let errors = errors.borrow();
    assert!(
        matches!(&errors[..], [NotifyError::Send { what, .. }] if what == "STOPPING=1\nSTATUS=bye")
    );
}

#[test]
fn without_a_manager_nothing_happens() {
    let clock = Clock::new();
    let service = ManagedService::new(None, clock.clone(), |error| panic!("{error}"));
    service.ready("");
    service.draining(|| panic!("nobody asks"));
    clock.advance(Duration::from_secs(5));
}

#[test]
fn a_name_that_systemd_would_replace_is_refused() {
    let manager = Manager::new();
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let long = "x".repeat(256);
    for name in ["", "a:b", "a\nb", "ä", "\u{7f}", &long] {
        let wrong = Err(NotifyError::Name { name: name.into() });
        assert_eq!(manager.notifier.store(name, &[socket.as_fd()]), wrong);
        assert_eq!(manager.notifier.remove_stored(name), wrong);
    }
    for count in [0, 254] {
        let (name, max) = ("web".into(), 253);
        let wrong = Err(NotifyError::Count { name, count, max });
        assert_eq!(manager.notifier.store("web", &vec![socket.as_fd(); count]), wrong);
    }
    assert!(manager.told().is_empty());
    manager.notifier.store(&long[1..], &[socket.as_fd(); 253]).unwrap();
    manager.notifier.remove_stored("a b~").unwrap();
    let stored = format!("FDSTORE=1\nFDNAME={}", &long[1..]);
    assert_eq!(manager.told(), [stored, "FDSTOREREMOVE=1\nFDNAME=a b~".into()]);
}

#[test]
fn the_descriptors_themselves_arrive_with_their_name() {
    let Some(mut python) = find_peer("python3") else { return };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify");
    // The receiver inherits the socket, so that it is there before the first message.
    let receiver = UnixDatagram::bind(&path).unwrap();
    let program = "import socket; s = socket.socket(fileno=0)
text, fds, flags, _ = socket.recv_fds(s, 4096, 300)
print(text.decode(), [socket.socket(fileno=fd).getsockname()[1] for fd in fds], flags)";
    let child = python
        .args(["-c", program])
        .stdin(Stdio::from(OwnedFd::from(receiver)))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let sockets = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let ports = sockets.each_ref().map(|socket| socket.local_addr().unwrap().port());
    let descriptors = sockets.each_ref().map(|socket| socket.as_fd());
    Notifier::new(path.as_os_str()).unwrap().store("web", &descriptors).unwrap();
    let output = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    assert_eq!(output.trim(), format!("FDSTORE=1\nFDNAME=web {ports:?} 0"));
}

/// A port that shares this.
struct Port(Result<TcpListener, ShareSocketError>);

impl ListeningPort for Port {
    fn host(&self) -> Address {
        UnixAddress::Path(Rc::from(&b"/run/web"[..])).into()
    }

    fn stop_listening(&self) -> deferred::Deferred<()> {
        deferred::Deferred::succeed(())
    }

    fn share_socket(&self) -> Result<OwnedFd, ShareSocketError> {
        self.0.as_ref().map(|socket| socket.try_clone().unwrap().into()).map_err(|error| *error)
    }
}

#[test]
fn a_port_is_stored_if_its_socket_can_be_shared() {
    let manager = Manager::new();
    for source in [ShareSocketError::Path, ShareSocketError::NoSocket] {
        let error = manager.notifier.store_port("web", &Port(Err(source))).unwrap_err();
        assert_eq!(error.to_string(), "cannot store the port unix:/run/web as \"web\"");
        let (name, address) = ("web".into(), "unix:/run/web".into());
        assert_eq!(error, NotifyError::Unstorable { name, address, source });
    }
    assert!(manager.told().is_empty());
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    manager.notifier.store_port("web", &Port(Ok(socket))).unwrap();
    assert_eq!(manager.told(), ["FDSTORE=1\nFDNAME=web"]);
}
