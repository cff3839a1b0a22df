//! Claims about supervisors.

use std::cell::RefCell;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::rc::Rc;

use interfaces::ReactorCore as _;
use ropewalk_runner::{Log, LogFormat, LogLevel, Notify, Runner, SystemdNotifier};

use crate::support::{Buffer, Journal, Noted, quiet};

/// Keeps what it is told, and fails.
#[derive(Default)]
struct Supervisor(RefCell<Vec<String>>);

impl Notify for Supervisor {
    fn notify(&self, state: &str) -> io::Result<()> {
        self.0.borrow_mut().push(state.into());
        Err(io::ErrorKind::ConnectionRefused.into())
    }
}

#[test]
fn a_supervisor_hears_when_the_program_is_ready_and_when_it_stops_and_may_be_deaf() {
    let (supervisor, log) = (Rc::new(Supervisor::default()), Buffer::default());
    let reactor = quiet();
    let (stopper, heard) = (reactor.clone(), supervisor.clone());
    let _exit = Runner::new(reactor, Noted::new(&Journal::default()))
        .log(Log::to_writer(LogLevel::Warn, LogFormat::Text, Box::new(log.clone())).unwrap())
        .notify(supervisor.clone())
        .when_running(move || {
            assert!(heard.0.borrow().is_empty());
            stopper.call_later(std::time::Duration::from_secs(1), {
                let stopper = stopper.clone();
                move || stopper.stop().unwrap()
            });
        })
        .run();
    assert_eq!(*supervisor.0.borrow(), ["READY=1", "STOPPING=1"]);
    assert_eq!(log.text().matches("cannot tell").count(), 2);
}

#[test]
fn systemd_gets_a_datagram_on_a_path_and_on_an_abstract_name() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify");
    let name = format!("ropewalk-notify-{}", std::process::id());
    let of_path = UnixDatagram::bind(&path).unwrap();
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let of_name = UnixDatagram::bind_addr(&address).unwrap();
    let name = format!("@{name}");
    for (receiver, name) in [(of_path, path.as_os_str()), (of_name, OsStr::new(&name))] {
        let supervisor = SystemdNotifier::new(name).unwrap();
        supervisor.notify("READY=1").unwrap();
        let mut buffer = [0; 64];
        let length = receiver.recv(&mut buffer).unwrap();
        assert_eq!(buffer[..length], *b"READY=1");
        drop(receiver);
    }
    assert!(SystemdNotifier::new(OsStr::new("relative")).is_err());
    let gone = SystemdNotifier::new(path.as_os_str()).unwrap();
    assert!(gone.notify("READY=1").is_err());
}
