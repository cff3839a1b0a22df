//! The options of simulated sockets from their first moment.

use std::time::Duration;

use interfaces::{ConnectTcp, KeepAliveTimes, ListenError, ListenTcp, TcpOptions};
use ropewalk_reactor::simulated::{Faults, Simulated};
use ropewalk_reactor::sys::{ConnectFault, SocketOption, StreamSys as _, Sys as _};

#[test]
fn a_port_hands_its_options_on_and_the_one_network_device_is_the_loopback() {
    let network = Simulated::new(1);
    network.set_faults(Faults::none());
    let options = TcpOptions::default()
        .with_no_delay(true)
        .with_keep_alive(Some(KeepAliveTimes::default()))
        .with_device(Some("lo".into()));
    let here = ListenTcp::new(([127, 0, 0, 1], 80));
    let listener =
        network.listen_tcp(&here.clone().with_options(options.clone())).expect("listens");
    let there = ConnectTcp::new(([127, 0, 0, 1], 80));
    let client = network.connect_tcp(&there.clone().with_options(options.clone())).expect("begins");
    let plain = network.connect_tcp(&there).expect("begins");
    network.poll(Some(Duration::from_secs(1)), &mut Default::default()).expect("polls");
    network.poll(Some(Duration::from_secs(1)), &mut Default::default()).expect("polls");
    let (server, _) = network.accept(&listener).expect("accepts");
    for end in [&client, &server] {
        assert!(network.option(end, SocketOption::NoDelay));
        assert!(network.option(end, SocketOption::KeepAlive));
    }
    assert!(!network.option(&plain, SocketOption::NoDelay));

    let options = options.with_device(Some("eth9".into()));
    match network.listen_tcp(&here.with_options(options.clone())).expect_err("fails") {
        ListenError::Device { source, .. } => assert_eq!(source.raw_os_error(), libc::ENODEV),
        other => panic!("{other}"),
    }
    match network.connect_tcp(&there.with_options(options)).expect_err("fails") {
        ConnectFault::Device(error) => assert_eq!(error.raw_os_error(), Some(libc::ENODEV)),
        other => panic!("{other:?}"),
    }
}
