//! Listening on an inherited socket hands it to the reactor once, and leaves its path alone.
//!
//! Invariant: an endpoint that was only made has touched nothing.

use std::net::TcpListener;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::rc::Rc;

use interfaces::ListenError;
use ropewalk_systemd as systemd;
use systemd::{AdoptedStreamServerEndpoint, Domain, ListenFds, Selector, TakeError};

use crate::support::{Keeper, listen};

mod several;

fn tcp() -> OwnedFd {
    TcpListener::bind("127.0.0.1:0").unwrap().into()
}

fn endpoint(
    keeper: &Rc<Keeper>,
    inherited: &ListenFds,
    selector: Selector,
    domain: Option<Domain>,
) -> AdoptedStreamServerEndpoint {
    AdoptedStreamServerEndpoint::new(keeper.clone(), inherited.clone(), selector, domain)
}

#[test]
fn the_descriptor_goes_to_the_reactor_once_non_blocking() {
    let (first, second) = (tcp(), tcp());
    let number = second.as_raw_fd();
    let inherited = ListenFds::from_descriptors([("ctl", first), ("web", second)]);
    let keeper = Rc::new(Keeper::default());

    listen(&endpoint(&keeper, &inherited, Selector::Index(1), Some(Domain::Inet))).unwrap();

    let adopted = keeper.adopted.take();
    assert_eq!(adopted.iter().map(|it| it.as_raw_fd()).collect::<Vec<_>>(), [number]);
    for descriptor in adopted {
        let error = TcpListener::from(descriptor).accept().unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    }
}

#[test]
fn a_second_listen_fails_and_reaches_no_reactor() {
    let inherited = ListenFds::from_descriptors([("web", tcp())]);
    let keeper = Rc::new(Keeper::default());
    let by_index = endpoint(&keeper, &inherited, Selector::Index(0), None);
    let by_name = endpoint(&keeper, &inherited, Selector::Name("web".into()), None);
    listen(&by_index).unwrap();
    for endpoint in [&by_index, &by_name] {
        let failure = listen(endpoint).unwrap_err();
        let error = failure.downcast_ref::<TakeError>().expect("it is a TakeError");
        assert!(matches!(error, TakeError::AlreadyTaken { .. }), "{error}");
    }
    assert_eq!(keeper.calls.get(), 1);
}

#[test]
fn what_the_reactor_refuses_is_the_failure_and_the_descriptor_is_closed() {
    let refusal = ListenError::Unsuitable { reason: "the reactor is full".into() };
    let keeper = Rc::new(Keeper { refuses: Some(refusal.clone()), ..Keeper::default() });
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let inherited = ListenFds::from_descriptors([("web", listener.into())]);

    let failure = listen(&endpoint(&keeper, &inherited, Selector::Index(0), None)).unwrap_err();
    assert_eq!(failure.downcast_ref::<ListenError>(), Some(&refusal));
    assert!(UnixStream::connect(&path).is_err(), "nobody holds the socket any more");
    assert!(listen(&endpoint(&keeper, &inherited, Selector::Index(0), None)).is_err());
}

#[test]
fn a_descriptor_of_the_wrong_kind_fails_the_listen_and_reaches_no_reactor() {
    let file: OwnedFd = tempfile::tempfile().unwrap().into();
    let inherited = ListenFds::from_descriptors([("web", file)]);
    let keeper = Rc::new(Keeper::default());
    let failure =
        listen(&endpoint(&keeper, &inherited, Selector::Index(0), Some(Domain::Inet))).unwrap_err();
    let error = failure.downcast_ref::<TakeError>().expect("it is a TakeError");
    assert!(matches!(error, TakeError::Unsuitable { .. }), "{error}");
    assert_eq!(keeper.calls.get(), 0);
}

#[test]
fn an_endpoint_that_never_listens_takes_nothing() {
    let inherited = ListenFds::from_descriptors([("web", tcp())]);
    let keeper = Rc::new(Keeper::default());
    drop(endpoint(&keeper, &inherited, Selector::Index(0), None));
    drop(endpoint(&keeper, &inherited, Selector::Index(7), None));
    assert!(inherited.take_stream_port(&Selector::Index(0), None).is_ok());
}

#[test]
fn the_path_of_an_inherited_unix_socket_keeps_its_mode_and_outlives_us() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o642)).unwrap();
    let inherited = ListenFds::from_descriptors([("web", listener.into())]);
    let keeper = Rc::new(Keeper::default());

    listen(&endpoint(&keeper, &inherited, Selector::Index(0), Some(Domain::Unix))).unwrap();
    drop((keeper, inherited));

    let metadata = std::fs::symlink_metadata(&path).unwrap();
    assert!(metadata.file_type().is_socket());
    assert_eq!(metadata.permissions().mode() & 0o777, 0o642);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "no lock file beside it");
}
