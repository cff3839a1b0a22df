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
