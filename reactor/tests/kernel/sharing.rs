//! A listening socket that is shared outlives its port: clients wait in the copy's backlog.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr as SocketName, UnixListener, UnixStream};

use interfaces::{
    ListenTcp, ListenUnix, ReactorSocket as _, ReactorTcp as _, ReactorUnix as _, ShareSocketError,
    UnixAddress,
};
use ropewalk_reactor::Reactor;
use testkit::result_of;

use crate::support::unix::{name, place};
use crate::support::{echo, turn_until};

fn loopback() -> ListenTcp {
    ListenTcp::new(SocketAddr::from(([127, 0, 0, 1], 0)))
}

#[test]
fn a_client_that_connects_between_two_ports_of_a_shared_socket_is_served_by_the_second() {
    let reactor = Reactor::new().unwrap();
    let port = reactor.listen_tcp(&loopback(), echo()).unwrap();
    let address = port.host().as_socket_addr().unwrap();
    let copy = port.share_socket().unwrap();
    result_of(port.stop_listening()).unwrap();
    assert_eq!(port.share_socket().unwrap_err(), ShareSocketError::NoSocket);
    let mut client = TcpStream::connect(address).expect("the copy listens");
    client.write_all(b"ping").unwrap();
    client.set_nonblocking(true).unwrap();

    let second = reactor.adopt_stream_port(copy, echo()).unwrap();
    let mut answer = [0; 4];
    turn_until(&reactor, "the echo came", || client.read_exact(&mut answer).is_ok());
    assert_eq!(second.host(), port.host());
    result_of(second.stop_listening()).unwrap();
    assert!(TcpStream::connect(address).is_err(), "no copy is left");
}

#[test]
fn a_copy_of_an_abstract_name_listens_on_and_a_reactor_that_is_dropped_leaves_it_alone() {
    let reactor = Reactor::new().unwrap();
    let text = format!("ropewalk-sharing-{}", std::process::id());
    let address = UnixAddress::Abstract(text.as_bytes().into());
    let port = reactor.listen_unix(&ListenUnix::new(address), echo()).unwrap();
    let copy = port.share_socket().unwrap();
    drop((port, reactor));
    let connect = || UnixStream::connect_addr(&SocketName::from_abstract_name(&text).unwrap());
    assert!(connect().is_ok());
    drop(copy);
    assert!(connect().is_err());
}

#[test]
fn a_socket_with_a_path_is_not_shared_and_one_that_was_adopted_is() {
    let reactor = Reactor::new().unwrap();
    let (_directory, path) = place();
    let port = reactor.listen_unix(&ListenUnix::new(name(&path)), echo()).unwrap();
    assert_eq!(port.share_socket().unwrap_err(), ShareSocketError::Path);
    result_of(port.stop_listening()).unwrap();
    assert!(!path.exists(), "nothing has changed for it");
    let own = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = own.local_addr().unwrap();
    let port = reactor.adopt_stream_port(own.into(), echo()).unwrap();
    let copy = port.share_socket().unwrap();
    result_of(port.stop_listening()).unwrap();
    assert!(TcpStream::connect(address).is_ok());
    drop(copy);
}

#[test]
fn a_socket_that_is_released_stays_where_it_is_with_the_clients_that_wait() {
    let reactor = Reactor::new().unwrap();
    let (_directory, path) = place();
    let port = reactor.listen_unix(&ListenUnix::new(name(&path)), echo()).unwrap();
    let mut client = UnixStream::connect(&path).unwrap();
    client.write_all(b"ping").unwrap();
    let released = port.release_socket().unwrap();
    assert_eq!(port.release_socket().unwrap_err(), ShareSocketError::NoSocket);
    result_of(port.stop_listening()).unwrap();
    let second = reactor.adopt_stream_port(released, echo()).unwrap();
    client.set_nonblocking(true).unwrap();
    let mut answer = [0; 4];
    turn_until(&reactor, "the echo came", || client.read_exact(&mut answer).is_ok());
    assert!(UnixStream::connect(&path).is_ok(), "the path is there");
    result_of(second.stop_listening()).unwrap();
    let port = reactor.listen_tcp(&loopback(), echo()).unwrap();
    let address = port.host().as_socket_addr().unwrap();
    let released = port.release_socket().unwrap();
    assert!(TcpStream::connect(address).is_ok(), "it was not shut down");
    drop(released);
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_socket_that_is_copied_is_the_ports_own_until_it_closes_path_and_all() {
    let reactor = Reactor::new().unwrap();
    let (_directory, path) = place();
    let port = reactor.listen_unix(&ListenUnix::new(name(&path)), echo()).unwrap();
    let copy = UnixListener::from(port.copy_socket().unwrap());
    copy.set_nonblocking(true).unwrap();
    let mut client = UnixStream::connect(&path).unwrap();
    client.write_all(b"ping").unwrap();
    let (mut accepted, _) = copy.accept().expect("the copy takes connections of the same queue");
    accepted.read_exact(&mut [0; 4]).unwrap();
    result_of(port.stop_listening()).unwrap();
    assert_eq!(port.copy_socket().unwrap_err(), ShareSocketError::NoSocket);
    assert!(!path.exists(), "it is the port's to remove");
    let port = reactor.listen_tcp(&loopback(), echo()).unwrap();
    let address = port.host().as_socket_addr().unwrap();
    let copy = port.copy_socket().unwrap();
    result_of(port.stop_listening()).unwrap();
    assert!(TcpStream::connect(address).is_err(), "the copy listens no more");
    drop(copy);
}
