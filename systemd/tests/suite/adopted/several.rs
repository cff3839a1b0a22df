//! All sockets of a name are one port, and a connection is served as the one that it is.
//!
//! Invariant: where one socket is refused, none stays open.

use std::net::{TcpStream, UdpSocket};

use super::*;

fn web() -> Selector {
    Selector::Name("web".into())
}

#[test]
fn all_sockets_of_a_name_are_one_port_that_stops_all() {
    let names = ["web", "ctl", "web"];
    let inherited = ListenFds::from_descriptors(names.map(|name| (name, tcp())));
    let keeper = Rc::new(Keeper::default());
    let port = listen(&endpoint(&keeper, &inherited, web(), None)).unwrap();
    assert_eq!(keeper.adopted.borrow().len(), 2);
    assert_eq!(port.hosts().len(), 2);
    assert_eq!(port.host(), port.hosts()[0]);
    testkit::result_of(port.stop_listening()).unwrap();
    assert_eq!(keeper.stopped.get(), 2);
}

#[test]
fn a_socket_that_was_taken_by_its_index_is_not_taken_again_with_its_name() {
    let inherited = ListenFds::from_descriptors(["web", "web"].map(|name| (name, tcp())));
    let keeper = Rc::new(Keeper::default());
    listen(&endpoint(&keeper, &inherited, Selector::Index(0), None)).unwrap();
    let port = listen(&endpoint(&keeper, &inherited, web(), None)).unwrap();
    assert_eq!((keeper.adopted.borrow().len(), port.hosts().len()), (2, 1));
    let failure = listen(&endpoint(&keeper, &inherited, web(), None)).err().unwrap();
    assert!(matches!(failure.downcast_ref(), Some(TakeError::AlreadyTaken { .. })));
}

#[test]
fn of_a_name_only_what_can_be_listened_on_and_is_of_the_family_is_taken() {
    let inet6: OwnedFd = TcpListener::bind("[::1]:0").unwrap().into();
    let udp: OwnedFd = UdpSocket::bind("127.0.0.1:0").unwrap().into();
    let inherited = ListenFds::from_descriptors([("web", udp), ("web", inet6), ("web", tcp())]);
    let keeper = Rc::new(Keeper::default());
    listen(&endpoint(&keeper, &inherited, web(), Some(Domain::Inet))).unwrap();
    assert_eq!(keeper.adopted.borrow().len(), 1);
    listen(&endpoint(&keeper, &inherited, web(), None)).unwrap();
    assert_eq!(keeper.adopted.borrow().len(), 2);
    let failure = listen(&endpoint(&keeper, &inherited, web(), None)).err().unwrap();
    assert!(
        failure.to_string().contains("it is a datagram socket of family INET"),
        "the one that is left: {failure}"
    );
    let unclaimed = inherited.close_unclaimed();
    assert_eq!(unclaimed.len(), 1);
}

#[test]
fn when_the_reactor_refuses_one_of_a_name_the_others_are_stopped() {
    let refusal = ListenError::Unsuitable { reason: "the reactor is full".into() };
    let refuses = Some(refusal.clone());
    let keeper = Rc::new(Keeper { refuses, refuses_after: 2, ..Keeper::default() });
    let inherited = ListenFds::from_descriptors(["web"; 3].map(|name| (name, tcp())));
    let failure = listen(&endpoint(&keeper, &inherited, web(), None)).err().unwrap();
    assert_eq!(failure.downcast_ref::<ListenError>(), Some(&refusal));
    assert_eq!(keeper.stopped.get(), 2);
}

#[test]
fn an_accepted_connection_is_served_and_its_port_is_its_address() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let _client = TcpStream::connect(address).unwrap();
    let (accepted, _) = listener.accept().unwrap();
    let inherited = ListenFds::from_descriptors([("connection", accepted.into())]);
    assert!(inherited.is_one_connection());
    let keeper = Rc::new(Keeper::default());
    let domain = Some(Domain::Inet);
    let port = listen(&endpoint(&keeper, &inherited, Selector::Index(0), domain)).unwrap();
    assert_eq!(keeper.connections.borrow().len(), 1);
    assert_eq!(port.host(), address.into());
    testkit::result_of(port.stop_listening()).unwrap();
    assert!(!inherited.is_one_connection(), "it was taken");
    let (one, _other) = UnixStream::pair().unwrap();
    let inherited = ListenFds::from_descriptors([("connection", one.into())]);
    let port = listen(&endpoint(&keeper, &inherited, Selector::Index(0), None)).unwrap();
    assert_eq!(port.host(), interfaces::UnixAddress::Unnamed.into());
}

#[test]
fn listeners_and_several_connections_are_not_one_connection() {
    let pair = || OwnedFd::from(UnixStream::pair().unwrap().0);
    assert!(!ListenFds::default().is_one_connection());
    assert!(!ListenFds::from_descriptors([("a", tcp())]).is_one_connection());
    assert!(!ListenFds::from_descriptors([("a", pair()), ("a", pair())]).is_one_connection());
}
