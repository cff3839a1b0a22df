//! Ports of a group whose sockets the reactor has not opened itself: adopted ones, and those of other kinds.
//!
//! Invariant: nothing here waits without a bound.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::sync::Mutex;

use interfaces::{Address, ReactorSocket as _};
use ropewalk_reactor::{Member, ReactorGroup};

use crate::group::{numbered, spread};
use crate::support::group::{Client, with_group};

#[test]
fn an_adopted_socket_is_shared_by_the_copies_of_its_descriptor() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let main = |member: &Member| {
        let copy = OwnedFd::from(listener.try_clone()?);
        let port = member.adopt_stream_port(copy, numbered(member))?;
        assert_eq!(port.host(), address.into());
        Ok(())
    };
    with_group(ReactorGroup::new(2), main, |_| {
        let clients: Vec<_> = (0..10).map(|_| Client::connect(address)).collect();
        assert_eq!(spread(&clients, 2), [5, 5]);
    });
}

#[test]
fn a_socket_of_a_kind_that_the_reactor_does_not_open_is_opened_by_one_member_and_shared() {
    let opened = Mutex::new(Vec::new());
    let main = |member: &Member| {
        let mut open = || {
            let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
            opened.lock().unwrap().push(listener.local_addr().unwrap());
            Ok(OwnedFd::from(listener))
        };
        let name = Address::Other("a line".into());
        member.open_stream_port(&name, &mut open, numbered(member))?;
        Ok(())
    };
    with_group(ReactorGroup::new(2), main, |_| {
        let addresses = opened.lock().unwrap().clone();
        let [address] = addresses[..] else { panic!("it was opened {} times", addresses.len()) };
        let clients: Vec<_> = (0..10).map(|_| Client::connect(address)).collect();
        assert_eq!(spread(&clients, 2), [5, 5]);
    });
}
