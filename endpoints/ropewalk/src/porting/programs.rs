//! Ten common programs, in Twisted and here.
//!
//! Invariant: every block of ours compiles, as a test of the documentation.
//!
//! # 1. An echo server
//!
//! ```python
//! class Echo(Protocol):
//!     def dataReceived(self, data):
//!         self.transport.write(data)
//!
//! endpoints.serverFromString(reactor, "tcp:8000").listen(Factory.forProtocol(Echo))
//! reactor.run()
//! ```
//!
//! ```no_run
//! use ropewalk::prelude::*;
//! use std::rc::Rc;
//!
//! struct Echo;
//!
//! impl Protocol for Echo {
//!     fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
//!         transport.write(data);
//!     }
//! }
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let reactor = Reactor::new()?;
//!     reactor.stop_on_signals()?;
//!     let endpoint = ropewalk::registry(reactor.clone()).server("tcp:8000")?;
//!     let _port = endpoint.listen(factory_fn(|_peer| Echo));
//!     Ok(reactor.run()?)
//! }
//! ```
//!
//! # 2. A program that is one coroutine
//!
//! ```python
//! async def main(reactor):
//!     await task.deferLater(reactor, 1)
//!     output = await utils.getProcessOutput("/bin/date")
//!     print(output.decode())
//!
//! task.react(lambda reactor: defer.ensureDeferred(main(reactor)))
//! ```
//!
//! ```no_run
//! use ropewalk::prelude::*;
//! use ropewalk::protocol::process::{RunProcess, get_process_output};
//! use ropewalk::protocol::task::sleep;
//! use std::time::Duration;
//!
//! fn main() -> std::process::ExitCode {
//!     react(async |reactor| {
//!         sleep(&reactor, Duration::from_secs(1)).await?;
//!         let output = get_process_output(&reactor, &RunProcess::new("/bin/date")).await?;
//!         println!("{}", String::from_utf8_lossy(&output));
//!         Ok(())
//!     })
//! }
//! ```
//!
//! # 3. Something every minute
//!
//! ```python
//! def report():
//!     print(len(clients), "clients")
//!
//! task.LoopingCall(report).start(60)
//! ```
//!
//! ```no_run
//! use ropewalk::prelude::*;
//! use ropewalk::protocol::task::LoopingCall;
//! use std::{rc::Rc, time::Duration};
//!
//! fn report_every_minute(reactor: &Reactor, clients: Rc<std::cell::Cell<usize>>) {
//!     let report = LoopingCall::new(Rc::new(reactor.clone()), move |_| {
//!         println!("{} clients", clients.get());
//!         Ok(())
//!     });
//!     // Its Deferred fails where a report fails.
//!     let _ = report.start(Duration::from_secs(60));
//! }
//! ```
//!
//! # 4. A chain of callbacks
//!
//! ```python
//! d = ask(b"21")
//! d.addCallback(int)
//! d.addCallback(lambda number: 2 * number)
//! d.addErrback(lambda failure: failure.trap(ValueError) and 0)
//! d.addCallback(print)
//! ```
//!
//! ```
//! use ropewalk::prelude::*;
//! use std::num::ParseIntError;
//!
//! # fn ask(_: &str) -> Deferred<String> { Deferred::succeed("21".to_owned()) }
//! ask("21")
//!     .add_callback(|text| Ok(text.parse::<i32>()?))
//!     .add_callback(|number| Ok(2 * number))
//!     .add_errback(|failure| {
//!         failure.trap::<ParseIntError>()?;
//!         Ok(0)
//!     })
//!     .add_callback(|number| Ok(println!("{number}")));
//! ```
//!
//! # 5. Blocking work on a thread
//!
//! ```python
//! text = await threads.deferToThread(open("/etc/hostname").read)
//! ```
//!
//! ```no_run
//! use ropewalk::prelude::*;
//! use ropewalk::protocol::threads::defer_to_thread;
//!
//! async fn host_name(reactor: &Reactor) -> Result<String, Failure> {
//!     defer_to_thread(reactor, || std::fs::read_to_string("/etc/hostname")).await
//! }
//! ```
//!
//! # 6. Datagrams
//!
//! ```python
//! class Echo(DatagramProtocol):
//!     def datagramReceived(self, data, addr):
//!         self.transport.write(data, addr)
//!
//! reactor.listenUDP(9999, Echo())
//! ```
//!
//! ```no_run
//! use ropewalk::prelude::*;
//! use std::{net::Ipv4Addr, rc::Rc};
//!
//! struct Echo;
//!
//! impl DatagramProtocol for Echo {
//!     fn datagram_received(&mut self, transport: &Rc<dyn DatagramTransport>, data: &[u8], sender: &Address) {
//!         // A sender that cannot be answered is told nothing.
//!         let _ = transport.send_to(data, sender);
//!     }
//! }
//!
//! fn listen(reactor: &Reactor) -> Result<(), Box<dyn std::error::Error>> {
//!     reactor.listen_udp(&ListenUdp::new((Ipv4Addr::UNSPECIFIED, 9999)), datagram_protocol(Echo))?;
//!     Ok(())
//! }
//! ```
//!
//! # 7. A protocol of lines, with a limit on silence
//!
//! ```python
//! class Parrot(LineOnlyReceiver, TimeoutMixin):
//!     def connectionMade(self):
//!         self.setTimeout(60)
//!
//!     def lineReceived(self, line):
//!         self.resetTimeout()
//!         self.sendLine(line)
//! ```
//!
//! ```
//! use ropewalk::prelude::*;
//! use ropewalk::protocol::policies::TimeoutFactory;
//! use ropewalk::protocol::receivers::{LineOnlyProtocol, LineOnlyReceiver, LineOnlyTransport};
//! use std::rc::Rc;
//!
//! struct Parrot;
//!
//! impl LineOnlyReceiver for Parrot {
//!     fn line_received(&mut self, transport: &Rc<LineOnlyTransport>, line: &[u8]) {
//!         transport.send_line(line);
//!     }
//! }
//!
//! fn parrots(reactor: &Reactor) -> Rc<dyn Factory> {
//!     let factory = LineOnlyProtocol::factory(|_peer| Parrot).into_rc();
//!     TimeoutFactory::new(factory, reactor.clone()).into_rc()
//! }
//! ```
//!
//! A protocol that decides itself what a sign of life is has a
//! [`ConnectionTimeout`](crate::protocol::policies::ConnectionTimeout) as a field.
//!
//! # 8. A client that comes back
//!
//! ```python
//! endpoint = endpoints.clientFromString(reactor, "tls:example.com:7000")
//! service = ClientService(endpoint, Factory.forProtocol(Client))
//! service.startService()
//! client = await service.whenConnected()
//! ```
//!
//! ```no_run
//! use ropewalk::prelude::*;
//! use ropewalk::protocol::client::ClientService;
//! use ropewalk::protocol::service::Service;
//! # struct Client;
//! # impl Protocol for Client {
//! #     fn data_received(&mut self, _: &std::rc::Rc<dyn Transport>, _: &[u8]) {}
//! # }
//!
//! async fn connected(reactor: &Reactor) -> Result<ProtocolRef<Client>, Failure> {
//!     let endpoint = ropewalk::registry(reactor.clone()).client("tls:example.com:7000")?;
//!     let service = ClientService::new(endpoint, reactor.clone(), |_peer| Client);
//!     service.start_service()?;
//!     service.when_connected().await
//! }
//! ```
//!
//! # 9. A program of several services
//!
//! ```python
//! application = MultiService()
//! strports.service("tcp:8000", factory).setServiceParent(application)
//! TimerService(60, report).setServiceParent(application)
//! ```
//!
//! ```no_run
//! use ropewalk::prelude::*;
//! use ropewalk::protocol::service::{MultiService, Service, TimerService};
//! use std::{rc::Rc, time::Duration};
//!
//! fn application(reactor: &Reactor, factory: Rc<dyn Factory>) -> Result<MultiService, Failure> {
//!     let application = MultiService::new();
//!     let registry = ropewalk::registry(reactor.clone());
//!     let port = ropewalk::endpoints::service(&registry, "tcp:8000", factory)?;
//!     application.add_service(Rc::new(port))?;
//!     let report = || Ok(println!("all is well"));
//!     let timer = TimerService::new(reactor.clone(), Duration::from_secs(60), report);
//!     application.add_service(Rc::new(timer))?;
//!     Ok(application)
//! }
//! ```
//!
//! # 10. A test without sockets
//!
//! ```python
//! transport = StringTransport()
//! echo = Echo()
//! echo.makeConnection(transport)
//! echo.dataReceived(b"hello")
//! assert transport.value() == b"hello"
//! ```
//!
//! With the feature `testing`:
//!
//! ```
//! use ropewalk::interfaces::Event;
//! use ropewalk::prelude::*;
//! use ropewalk::protocol::testing::StringTransport;
//! # use std::rc::Rc;
//! # struct Echo;
//! # impl Protocol for Echo {
//! #     fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
//! #         transport.write(data);
//! #     }
//! # }
//!
//! let transport = StringTransport::new();
//! let echo = ProtocolRef::new(Echo).as_deliver();
//! echo.deliver(Event::ConnectionMade(&transport.as_transport()));
//! echo.deliver(Event::DataReceived(&mut b"hello".to_owned()));
//! assert_eq!(transport.value(), b"hello");
//! ```
//!
//! Two protocols are joined by `protocol::testing::memory`, time is moved by `protocol::testing::Clock`, and
//! [`Reactor::simulated`](crate::reactor::Reactor::simulated) runs whole programs under a seed:
//! [`testing_a_protocol`](crate::testing_a_protocol) has more.
