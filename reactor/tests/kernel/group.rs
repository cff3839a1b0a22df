//! Several reactors on threads of their own that share ports: who gets a connection, and where it lives.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr as SocketName, UnixStream};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::task::Waker;
use std::thread::{self, ThreadId};

use interfaces::{
    Factory, ListenTcp, ListenUnix, ListeningPort, Protocol, ReactorTcp as _, ReactorUnix as _,
    Transport, UnixAddress,
};
use protocol::factory_fn;
use protocol::policies::{
    ConnectionCount, ConnectionTotal, LimitConnectionsByPeer, LimitTotalConnectionsFactory,
    WaitingPorts,
};
use ropewalk_reactor::{Member, ReactorGroup, Spread};

use crate::support::PATIENCE;
use crate::support::group::{Client, loads, serve, with_group};
use crate::support::unix::place;

/// Says its member's number, and then everything back.
struct Numbered(u8);

impl Protocol for Numbered {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        transport.write(&[self.0]);
    }

    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        transport.write(data);
    }
}

pub(crate) fn numbered(member: &Member) -> Rc<dyn Factory> {
    let number = u8::try_from(member.index()).unwrap();
    factory_fn(move |_| Numbered(number))
}

/// How many of these connections each of `members` has.
pub(crate) fn spread(clients: &[Client], members: usize) -> Vec<usize> {
    let of = |member: usize| clients.iter().filter(|it| it.member == member).count();
    (0..members).map(of).collect()
}

fn is_even(spread: &[usize]) -> bool {
    let (most, fewest) = (spread.iter().max().unwrap(), spread.iter().min().unwrap());
    most - fewest <= 1
}

#[test]
fn connections_are_even_within_one_and_each_lives_with_its_member() {
    for members in [1, 2, 3] {
        serve(members, numbered, |address, _| {
            let mut clients: Vec<_> = (0..50).map(|_| Client::connect(address)).collect();
            let spread = spread(&clients, members);
            assert!(is_even(&spread), "{spread:?}");
            for client in &mut clients {
                client.exchange(b"ping");
            }
        });
    }
}

#[test]
fn connections_that_come_at_once_are_even_too() {
    serve(2, numbered, |address, _| {
        let clients = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for _ in 0..5 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        let client = Client::connect(address);
                        clients.lock().unwrap().push(client);
                    }
                });
            }
        });
        let spread = spread(&clients.into_inner().unwrap(), 2);
        assert_eq!(spread, [50, 50]);
    });
}

#[test]
fn a_member_that_has_lost_connections_gets_the_next_ones() {
    serve(2, numbered, |address, remotes| {
        let mut clients: Vec<_> = (0..20).map(|_| Client::connect(address)).collect();
        clients.retain(|client| client.member == 0);
        crate::support::group::eventually("member 1 has lost its own", || loads(remotes)[1] == 0);
        let next: Vec<_> = (0..10).map(|_| Client::connect(address)).collect();
        assert_eq!(spread(&next, 2), [0, 10]);
        clients.extend(next);
        clients.extend((0..4).map(|_| Client::connect(address)));
        assert_eq!(spread(&clients, 2), [12, 12]);
    });
}

#[test]
fn connections_that_follow_each_other_take_turns() {
    serve(2, numbered, |address, remotes| {
        let members: Vec<usize> = (0..6)
            .map(|_| {
                let member = Client::connect(address).member;
                crate::support::group::eventually("it is gone", || loads(remotes) == [0, 0]);
                member
            })
            .collect();
        assert!([[0, 1, 0, 1, 0, 1], [1, 0, 1, 0, 1, 0]].iter().any(|it| *members == *it));
    });
}

#[test]
fn each_protocol_is_built_and_called_on_its_members_thread() {
    struct Here {
        home: ThreadId,
        calls: Rc<AtomicUsize>,
    }
    impl Protocol for Here {
        fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
            assert_eq!(thread::current().id(), self.home);
            transport.write(&[0]);
        }

        fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
            assert_eq!(thread::current().id(), self.home);
            self.calls.fetch_add(1, Ordering::Relaxed);
            transport.write(data);
        }
    }
    let threads = Mutex::new(BTreeSet::new());
    let factory = |_: &Member| {
        let (home, calls) = (thread::current().id(), Rc::new(AtomicUsize::new(0)));
        threads.lock().unwrap().insert(format!("{home:?}"));
        // The calls are counted where no other thread could reach them.
        factory_fn(move |_| {
            assert_eq!(thread::current().id(), home);
            Here { home, calls: calls.clone() }
        }) as Rc<dyn Factory>
    };
    serve(3, factory, |address, _| {
        let mut clients: Vec<_> = (0..9).map(|_| Client::connect(address)).collect();
        clients.iter_mut().for_each(|client| client.exchange(b"x"));
    });
    assert_eq!(threads.into_inner().unwrap().len(), 3);
}

#[test]
fn paths_and_abstract_names_are_shared() {
    let (_directory, path) = place();
    let name = format!("ropewalk-group-{}", std::process::id());
    let abstract_address = SocketName::from_abstract_name(&name).unwrap();
    let main = |member: &Member| {
        let path = UnixAddress::Path(Rc::from(path.as_os_str().as_encoded_bytes()));
        for address in [path, UnixAddress::Abstract(Rc::from(name.as_bytes()))] {
            member.listen_unix(&ListenUnix::new(address), numbered(member))?;
        }
        Ok(())
    };
    with_group(ReactorGroup::new(2), main, |_| {
        for connect in
            [&(|| UnixStream::connect(&path)) as &dyn Fn() -> std::io::Result<UnixStream>, &|| {
                UnixStream::connect_addr(&abstract_address)
            }]
        {
            let mut members = [0; 2];
            let clients: Vec<_> = (0..6)
                .map(|_| {
                    let mut client = connect().unwrap();
                    let mut number = [0];
                    client.read_exact(&mut number).unwrap();
                    members[usize::from(number[0])] += 1;
                    client.write_all(b"ping").unwrap();
                    let mut answer = [0; 4];
                    client.read_exact(&mut answer).unwrap();
                    client
                })
                .collect();
            assert_eq!((members, clients.len()), ([3, 3], 6));
        }
    });
    assert!(!path.exists(), "the member that made it has removed it");
}

#[test]
fn ports_of_one_address_are_matched_in_order_and_a_members_own_reactor_shares_none() {
    let addresses = Mutex::new(vec![Vec::<String>::new(); 2]);
    let own = Mutex::new(BTreeSet::new());
    let main = |member: &Member| {
        let any = ListenTcp::new(([127, 0, 0, 1], 0));
        let ports = [0, 1].map(|_| member.listen_tcp(&any, numbered(member)));
        for port in ports {
            addresses.lock().unwrap()[member.index()].push(port?.host().to_string());
        }
        let port = member.reactor().listen_tcp(&any, numbered(member))?;
        own.lock().unwrap().insert(port.host().port());
        Ok(())
    };
    with_group(ReactorGroup::new(2), main, |_| {});
    let addresses = addresses.into_inner().unwrap();
    assert_eq!(addresses[0], addresses[1]);
    assert_ne!(addresses[0][0], addresses[0][1]);
    assert_eq!(own.into_inner().unwrap().len(), 2);
}

#[test]
fn with_reuse_port_each_member_has_a_socket_of_its_own_on_one_address() {
    let address = Mutex::new(BTreeSet::new());
    let main = |member: &Member| {
        let options = ListenTcp::new(([127, 0, 0, 1], 0));
        let port = member.listen_tcp(&options, numbered(member))?;
        address.lock().unwrap().insert(port.host().as_socket_addr().unwrap());
        Ok(())
    };
    let group = ReactorGroup::new(2).with_spread(Spread::ReusePort);
    with_group(group, main, |remotes| {
        let addresses = address.lock().unwrap().clone();
        let address = *addresses.first().unwrap();
        assert_eq!(addresses.len(), 1, "both have the number that one of them found");
        // The system picks by the client's port: 64 clients of one member alone have a chance of 2⁻⁶³.
        let clients: Vec<_> = (0..64).map(|_| Client::connect(address)).collect();
        let spread = spread(&clients, 2);
        assert!(spread.iter().all(|count| *count > 0), "{spread:?}");
        assert_eq!(loads(remotes), spread);
    });
}

#[test]
fn a_member_that_closes_its_port_gets_no_more_and_the_one_that_opened_it_ends_it_for_all() {
    let opened = Barrier::new(2);
    let address = Mutex::new(None);
    let main = |member: &Member| {
        // Member 0 opens it.
        if member.index() == 1 {
            opened.wait();
        }
        let options = ListenTcp::new(([127, 0, 0, 1], 0));
        let port = member.listen_tcp(&options, numbered(member))?;
        if member.index() == 0 {
            opened.wait();
        }
        address.lock().unwrap().replace(port.host().as_socket_addr().unwrap());
        PORT.set(Some(port));
        Ok(())
    };
    with_group(ReactorGroup::new(2), main, |remotes| {
        let address = address.lock().unwrap().unwrap();
        let both: Vec<_> = (0..4).map(|_| Client::connect(address)).collect();
        assert_eq!(spread(&both, 2), [2, 2]);
        close_port(&remotes[1]);
        let one: Vec<_> = (0..3).map(|_| Client::connect(address)).collect();
        assert_eq!(spread(&one, 2), [3, 0]);
        close_port(&remotes[0]);
        assert!(TcpStream::connect(address).is_err());
        for mut client in both.into_iter().chain(one) {
            client.exchange(b"it goes on");
        }
    });
    thread_local! {
        static PORT: std::cell::RefCell<Option<Rc<dyn ListeningPort>>> = const {
            std::cell::RefCell::new(None)
        };
    }
    fn close_port(remote: &crate::support::group::MemberRemote) {
        let (done, closed) = std::sync::mpsc::channel();
        remote.call_from_thread(move |_| {
            let port = PORT.take().unwrap();
            drop(port.stop_listening());
            done.send(()).unwrap();
        });
        closed.recv_timeout(crate::support::PATIENCE).unwrap();
    }
}

/// The ports of all members that wait for a place.
#[derive(Default)]
struct Ports(Mutex<Vec<Waker>>);

impl WaitingPorts for Ports {
    fn add(&self, port: &Waker) {
        self.0.lock().unwrap().push(port.clone());
    }

    fn wake_all(&self) {
        let ports = std::mem::take(&mut *self.0.lock().unwrap());
        ports.into_iter().for_each(Waker::wake);
    }
}

#[test]
fn under_a_cap_for_all_members_clients_wait_and_none_is_refused() {
    for (members, cap) in [(2, 1), (3, 2), (3, 5)] {
        let total = ConnectionTotal::with_waiting_ports(Ports::default());
        let refused = Arc::new(AtomicUsize::new(0));
        let factory = |member: &Member| {
            let count = ConnectionCount::new();
            count.join(total.clone());
            let refused = refused.clone();
            LimitTotalConnectionsFactory::with_count(count.counting(numbered(member)), cap, count)
                .on_refused(move |_| {
                    refused.fetch_add(1, Ordering::Relaxed);
                })
                .into_rc()
        };
        let open = AtomicUsize::new(0);
        serve(members, factory, |address, _| {
            thread::scope(|scope| {
                for _ in 0..8 {
                    scope.spawn(|| {
                        for _ in 0..25 {
                            let mut client = Client::connect(address);
                            // It was let in, and may go after this.
                            assert!(open.fetch_add(1, Ordering::SeqCst) < cap);
                            client.exchange(b"ping");
                            open.fetch_sub(1, Ordering::SeqCst);
                        }
                    });
                }
            });
        });
        assert_eq!(refused.load(Ordering::Relaxed), 0, "{members} members, {cap} places");
    }
}

/// Says its member's number, and ends the connection.
struct Brief(u8);

impl Protocol for Brief {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        transport.write(&[self.0]);
        transport.lose_connection();
    }

    fn data_received(&mut self, _: &Rc<dyn Transport>, _: &[u8]) {}
}

#[test]
fn a_cap_of_one_member_refuses_no_client_behind_connections_that_are_done() {
    let refused = Arc::new(AtomicUsize::new(0));
    let factory = |member: &Member| {
        if member.index() == 0 {
            return numbered(member);
        }
        let refused = refused.clone();
        let refuse = move |_: &_| {
            refused.fetch_add(1, Ordering::Relaxed);
        };
        LimitConnectionsByPeer::new(factory_fn(|_| Brief(1)), 1).on_refused(refuse).into_rc()
    };
    serve(2, factory, |address, remotes| {
        let (release, held) = std::sync::mpsc::channel::<()>();
        remotes[1].call_from_thread(move |_| {
            let _ = held.recv_timeout(PATIENCE);
        });
        // They have nothing to say, so that their sockets are not waited for.
        let mut clients: Vec<_> = (0..40).map(|_| TcpStream::connect(address).unwrap()).collect();
        crate::support::group::eventually("they are shared", || loads(&remotes[..1]) == [20]);
        for client in &clients {
            client.shutdown(Shutdown::Write).unwrap();
        }
        drop(release);
        for client in &mut clients {
            client.set_read_timeout(Some(PATIENCE)).unwrap();
            client.read_exact(&mut [0]).unwrap();
        }
    });
    assert_eq!(refused.load(Ordering::Relaxed), 0);
}
