//! A socket that the service manager keeps is opened once, and adopted from then on.
//!
//! Invariant: the manager is a socket of the test's own.

use std::cell::Cell;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use deferred::Deferred;
use interfaces::{
    Address, Factory, ListenError, ListeningPort, ShareSocketError, StreamServerEndpoint,
    UnixAddress,
};
use ropewalk_systemd as systemd;
use systemd::{Domain, ListenFds, ListenFdsError, NotifyError, StoredServerEndpoint, TakeError};

use crate::notify::Manager;
use crate::support::{Keeper, listen};

/// Opens a port of its own, at a name.
#[derive(Default)]
struct Opens {
    opened: Cell<usize>,
    stopped: Rc<Cell<usize>>,
    shares: Option<ShareSocketError>,
    refuses: bool,
}

struct Own {
    socket: TcpListener,
    stopped: Rc<Cell<usize>>,
    shares: Option<ShareSocketError>,
}

impl StreamServerEndpoint for Opens {
    fn listen(&self, _factory: Rc<dyn Factory>) -> Deferred<Rc<dyn ListeningPort>> {
        if self.refuses {
            return Deferred::fail(ListenError::Unsuitable { reason: "no".into() });
        }
        self.opened.set(self.opened.get() + 1);
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let (stopped, shares) = (self.stopped.clone(), self.shares);
        Deferred::succeed(Rc::new(Own { socket, stopped, shares }))
    }
}

impl ListeningPort for Own {
    fn host(&self) -> Address {
        UnixAddress::Unnamed.into()
    }

    fn stop_listening(&self) -> Deferred<()> {
        self.stopped.set(self.stopped.get() + 1);
        Deferred::succeed(())
    }

    fn share_socket(&self) -> Result<OwnedFd, ShareSocketError> {
        match self.shares {
            Some(error) => Err(error),
            None => Ok(self.socket.try_clone().unwrap().into()),
        }
    }
}

fn endpoint(
    inherited: &ListenFds,
    opens: &Rc<Opens>,
    manager: Option<&Manager>,
) -> (StoredServerEndpoint, Rc<Keeper>) {
    let keeper = Rc::new(Keeper::default());
    let notifier = manager.map(|manager| manager.notifier.clone());
    let manager = move || Ok(notifier.clone());
    let (reactor, inherited, opens) = (keeper.clone(), inherited.clone(), opens.clone());
    let name = ("web", Some(Domain::Inet));
    (StoredServerEndpoint::new(reactor, inherited, name, opens, manager), keeper)
}

#[test]
fn the_first_process_opens_the_socket_and_has_it_kept() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    for inherited in [ListenFds::default(), ListenFds::from_descriptors([("ctl", other.into())])] {
        let (manager, opens) = (Manager::new(), Rc::new(Opens::default()));
        let (endpoint, keeper) = endpoint(&inherited, &opens, Some(&manager));
        listen(&endpoint).unwrap();
        assert_eq!((opens.opened.get(), keeper.calls.get()), (1, 0));
        assert_eq!(manager.told(), ["FDSTORE=1\nFDNAME=web"]);
    }
}

#[test]
fn the_next_process_adopts_it_and_opens_none() {
    let kept = TcpListener::bind("127.0.0.1:0").unwrap();
    let inherited = ListenFds::from_descriptors([("web", kept.into())]);
    let (manager, opens) = (Manager::new(), Rc::new(Opens::default()));
    let (endpoint, keeper) = endpoint(&inherited, &opens, Some(&manager));
    listen(&endpoint).unwrap();
    assert_eq!((opens.opened.get(), keeper.calls.get()), (0, 1));
    assert!(manager.told().is_empty(), "the manager has it");
    let failure = listen(&endpoint).err().unwrap();
    let error = failure.downcast_ref::<TakeError>().unwrap();
    assert!(matches!(error, TakeError::AlreadyTaken { .. }), "{error}");
    assert_eq!(opens.opened.get(), 0, "it does not open a second one then");
}

#[test]
fn without_a_manager_the_socket_is_opened_and_kept_by_nobody() {
    let opens = Rc::new(Opens::default());
    let (endpoint, _) = endpoint(&ListenFds::default(), &opens, None);
    listen(&endpoint).unwrap();
    assert_eq!(opens.opened.get(), 1);
}

#[test]
fn a_socket_of_another_thread_is_stored_by_that_thread() {
    let manager = Manager::new();
    let shares = Some(ShareSocketError::OfAnotherThread);
    let opens = Rc::new(Opens { shares, ..Opens::default() });
    let (endpoint, _) = endpoint(&ListenFds::default(), &opens, Some(&manager));
    listen(&endpoint).unwrap();
    assert_eq!(opens.stopped.get(), 0);
    assert!(manager.told().is_empty());
}

#[test]
fn what_cannot_be_kept_or_opened_fails_and_leaves_nothing_open() {
    let manager = Manager::new();
    let opens = Rc::new(Opens { shares: Some(ShareSocketError::Path), ..Opens::default() });
    let (at_a_path, _) = endpoint(&ListenFds::default(), &opens, Some(&manager));
    let failure = listen(&at_a_path).err().unwrap();
    assert!(matches!(failure.downcast_ref(), Some(NotifyError::Unstorable { .. })), "{failure}");
    assert_eq!((opens.opened.get(), opens.stopped.get()), (1, 1));

    let opens = Rc::new(Opens { refuses: true, ..Opens::default() });
    let (refused, _) = endpoint(&ListenFds::default(), &opens, Some(&manager));
    assert!(listen(&refused).err().unwrap().check::<ListenError>());

    let why = ListenFdsError::NotOpen { count: 1, descriptor: 3 };
    let opens = Rc::new(Opens::default());
    let (wrong, _) = endpoint(&ListenFds::unavailable(why), &opens, Some(&manager));
    assert!(listen(&wrong).err().unwrap().check::<TakeError>());
    assert_eq!(opens.opened.get(), 0, "it may have been announced");
    assert!(manager.told().is_empty());
}
