//! A listening socket of which another process has a copy: a child that was forked at that moment, or a
//! supervisor that handed it over.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};

use interfaces::{ListenTcp, LockFile, ReactorSocket as _, ReactorTcp as _, ReactorUnix as _};
use ropewalk_reactor::Reactor;
use socket2::Socket;

use crate::support::child::in_child;
use crate::support::unix::{options, place};
use crate::support::{echo, listen, sockets};

/// Copies of all sockets of this process that listen, as a forked child has them.
fn copies() -> Vec<Socket> {
    let copy = |number| {
        // SAFETY: it is open, and nothing closes it before the borrow ends, with this line.
        unsafe { BorrowedFd::borrow_raw(number) }.try_clone_to_owned().map(Socket::from).unwrap()
    };
    let copied = sockets().into_iter().map(copy);
    copied.filter(|socket| socket.is_listener().unwrap_or(false)).collect()
}

#[test]
fn a_port_that_a_forked_child_has_a_copy_of_is_free_at_once() {
    in_child(|| {
        let reactor = Reactor::new().unwrap();
        let (port, address) = listen(&reactor, echo());
        let copies = copies();
        assert_eq!(copies.len(), 1);
        drop(port.stop_listening());
        assert!(TcpStream::connect(address).is_err(), "the copy does not listen");
        let again = reactor.listen_tcp(&ListenTcp::new(address), echo());
        assert_eq!(again.unwrap().host(), address.into());
        assert!(TcpStream::connect(address).is_ok());
        drop(copies);
    });
}

#[test]
fn a_path_that_a_forked_child_has_a_copy_of_is_free_at_once() {
    in_child(|| {
        let (_directory, path) = place();
        let reactor = Reactor::new().unwrap();
        for lock_file in [LockFile::Used, LockFile::Ignored] {
            let options = options(&path).with_lock_file(lock_file);
            let port = reactor.listen_unix(&options, echo()).unwrap();
            let copies = copies();
            assert_eq!(copies.len(), 1);
            // A second name, which is not removed with the first.
            let second = path.with_extension("second");
            fs::hard_link(&path, &second).unwrap();
            drop(port.stop_listening());
            assert!(UnixStream::connect(&second).is_err(), "the copy does not listen");
            fs::remove_file(&second).unwrap();
            let port = reactor.listen_unix(&options, echo()).unwrap();
            assert!(UnixStream::connect(&path).is_ok());
            drop((port.stop_listening(), copies));
        }
    });
}

#[test]
fn a_socket_that_was_handed_over_listens_on_where_others_have_it() {
    let (_directory, path) = place();
    let reactor = Reactor::new().unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = tcp.local_addr().unwrap();
    let unix = UnixListener::bind(&path).unwrap();
    let sockets: [OwnedFd; 2] =
        [&tcp.as_fd(), &unix.as_fd()].map(|socket| socket.try_clone_to_owned().unwrap());
    for socket in sockets {
        let port = reactor.adopt_stream_port(socket, echo()).unwrap();
        drop(port.stop_listening());
    }
    assert!(TcpStream::connect(address).is_ok());
    assert!(UnixStream::connect(&path).is_ok());
}
