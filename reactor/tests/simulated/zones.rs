//! Addresses that are local to a link (RFC 4007) in the simulated network.

use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::Duration;

use interfaces::{ConnectTcp, ListenTcp};
use ropewalk_reactor::simulated::{Faults, Simulated};
use ropewalk_reactor::sys::{StreamSys as _, Sys as _};

fn at(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

#[test]
fn an_address_of_a_link_keeps_its_zone_at_both_ends() {
    let network = Simulated::new(42);
    network.set_faults(Faults::none());
    let listener = network.listen_tcp(&ListenTcp::new(at("[fe80::1%3]:80"))).expect("listens");
    assert_eq!(network.listener_address(&listener), at("[fe80::1%3]:80").into());
    let client = network.connect_tcp(&ConnectTcp::new(at("[fe80::1%3]:80"))).expect("begins");
    let elsewhere = network.connect_tcp(&ConnectTcp::new(at("[fe80::1%4]:80"))).expect("begins");
    network.poll(Some(Duration::from_secs(1)), &mut Vec::new()).expect("polls");
    let (server, peer) = network.accept(&listener).expect("accepts");
    assert_eq!(network.local_address(&server), at("[fe80::1%3]:80").into());
    assert_eq!(network.peer_address(&client), at("[fe80::1%3]:80").into());
    assert_eq!(peer, network.local_address(&client));
    let local = peer.as_socket_addr().expect("it is TCP");
    assert_eq!(
        local,
        SocketAddr::V6(SocketAddrV6::new(
            Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1),
            local.port(),
            0,
            3
        ))
    );
    let error = network.take_error(&elsewhere).expect_err("nothing listens in that zone");
    assert_eq!(error.raw_os_error(), Some(libc::ECONNREFUSED));
}
