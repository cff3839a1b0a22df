//! A service of a user's own, on the reactor: what the command has no words for.
//!
//! Invariant: it is this test program again, which systemd starts with a role.

use std::cell::Cell;
use std::process::ExitCode;
use std::rc::Rc;

use interfaces::{
    Address, DatagramProtocol, DatagramTransport, Protocol, ReactorSocket as _,
    StreamServerEndpoint as _, Transport,
};
use reactor::Reactor;
use systemd::{
    AdoptedStreamServerEndpoint, ListenFds, ManagedService, Notifier, Selector, Watchdog,
};

/// Tells the program that systemd has started it.
const ROLE: &str = "ROPEWALK_TEST_ROLE";

/// The program's service unit, with more lines for it.
pub(crate) fn unit(more: &str) -> String {
    let program = std::env::current_exe().unwrap();
    format!(
        "[Service]\nType=notify\nEnvironment={ROLE}=serve\n{more}
ExecStart={} --ignored --exact --nocapture program::the_program",
        program.display()
    )
}

#[test]
#[ignore = "it is the program that systemd starts"]
fn the_program() {
    if std::env::var_os(ROLE).is_none() {
        return println!("nothing to do: no other test has started this one");
    }
    let inherited = ListenFds::from_environment().unwrap();
    assert_eq!(reactor::react(|reactor| serve(reactor, inherited)), ExitCode::SUCCESS);
}

/// Serves until it is stopped. Its watchdog is that of the loop, and SIGHUP is a reload.
async fn serve(reactor: Reactor, inherited: ListenFds) -> Result<(), deferred::Failure> {
    let manager = Notifier::from_environment()?;
    let watchdog = manager.as_ref().map(Watchdog::from_environment).transpose()?.flatten();
    let _watched = watchdog.map(|watchdog| watchdog.watch(reactor.clone()));
    let service = ManagedService::new(manager, reactor.clone(), |error| eprintln!("{error}"));
    let web = Selector::Name("web".into());
    let endpoint =
        AdoptedStreamServerEndpoint::new(reactor.clone(), inherited.clone(), web.clone(), None);
    let _port = endpoint.listen(protocol::factory_fn(|_| Echo)).await?;
    for socket in inherited.take_datagram_sockets(&web, None).unwrap_or_default() {
        reactor.adopt_datagram_port(socket, 1500, protocol::datagram_protocol(EchoDatagrams))?;
    }
    for unclaimed in inherited.close_unclaimed() {
        eprintln!("{unclaimed}");
    }
    let (reloads, generation) = (service.clone(), Rc::new(Cell::new(0)));
    reactor.on_signal(libc::SIGHUP, move || {
        reloads.reloading();
        generation.set(generation.get() + 1);
        reloads.ready(&format!("generation {}", generation.get()));
    })?;
    service.ready("generation 0");
    std::future::pending().await
}

struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        if data == b"hang\n" {
            loop {
                std::thread::park();
            }
        }
        transport.write(data);
    }
}

struct EchoDatagrams;

impl DatagramProtocol for EchoDatagrams {
    fn datagram_received(
        &mut self,
        transport: &Rc<dyn DatagramTransport>,
        data: &[u8],
        sender: &Address,
    ) {
        transport.send_to(data, sender).unwrap();
    }
}
