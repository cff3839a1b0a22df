//! Porting a program from Twisted: its names, and what they are here.
//!
//! [`programs`] has ten common programs, with Twisted's code beside ours. What differs on purpose is in README's
//! list "Differences from Twisted".
//!
//! Four habits change:
//!
//! - There is no global reactor. A program makes one and hands it over; a function asks for the ability that it
//!   needs (`impl ReactorTime`, `&dyn ReactorTcp`), so a test hands over a clock.
//! - The transport comes with every call of a protocol, and is no field of it. Clone the `Rc` to keep it.
//! - A Deferred has one consumer: `add_callback` takes it and returns the next one of the chain. A result is fired
//!   by its [`Promise`](crate::deferred::Promise), which is used up by that.
//! - Every `add_callback` closure returns a `Result` or another Deferred; `?` is `raise`.
//!
//! # `twisted.internet.interfaces`
//!
//! | Twisted | here |
//! |---|---|
//! | `IReactorCore` | [`ReactorCore`](crate::interfaces::ReactorCore); `run` is [`Reactor::run`](crate::reactor::Reactor::run) |
//! | `IReactorTime`, `IDelayedCall` | [`ReactorTime`](crate::interfaces::ReactorTime), [`DelayedCall`](crate::interfaces::DelayedCall) |
//! | `IReactorTCP`, `IReactorUNIX` | [`ReactorTcp`](crate::interfaces::ReactorTcp), [`ReactorUnix`](crate::interfaces::ReactorUnix) |
//! | `IReactorSSL` | endpoint strings (`ssl:`, `tls:`), `tls::wrap_server`, `tls::wrap_client` |
//! | `IReactorUDP`, `IReactorMulticast`, `IReactorUNIXDatagram` | [`ReactorUdp`](crate::interfaces::ReactorUdp), [`ReactorMulticast`](crate::interfaces::ReactorMulticast), [`ReactorUnixDatagram`](crate::interfaces::ReactorUnixDatagram) |
//! | `IReactorProcess` | [`ReactorProcess`](crate::interfaces::ReactorProcess) |
//! | `IReactorThreads`, `IReactorFromThreads` | [`ReactorThreads`](crate::interfaces::ReactorThreads), [`FromThread`](crate::interfaces::FromThread) |
//! | `IReactorFDSet`, `IReadDescriptor`, `IWriteDescriptor` | [`ReactorFdSet`](crate::interfaces::ReactorFdSet), [`ReadDescriptor`](crate::interfaces::ReadDescriptor), [`WriteDescriptor`](crate::interfaces::WriteDescriptor) |
//! | `IReactorSocket` | [`ReactorSocket`](crate::interfaces::ReactorSocket) |
//! | `IReactorPluggableNameResolver`, `IHostnameResolver` | [`Reactor::install_resolver`](crate::reactor::Reactor::install_resolver), [`Resolver`](crate::interfaces::Resolver) |
//! | `IProtocol`, `IHalfCloseableProtocol`, `IHandshakeListener` | [`Protocol`](crate::interfaces::Protocol), [`HalfCloseableProtocol`](crate::interfaces::HalfCloseableProtocol), [`HandshakeListener`](crate::interfaces::HandshakeListener) |
//! | `IFileDescriptorReceiver` | [`FileDescriptorReceiver`](crate::interfaces::FileDescriptorReceiver) |
//! | `IProtocolFactory` | [`Factory`](crate::interfaces::Factory), [`factory_fn`](crate::protocol::factory_fn) |
//! | `ITransport`, `IConsumer`, `IPushProducer`, `IPullProducer` | [`Transport`](crate::interfaces::Transport), which is a consumer and a producer; [`PushProducer`](crate::interfaces::PushProducer), [`PullProducer`](crate::interfaces::PullProducer) |
//! | `ITCPTransport`, `IUNIXTransport`, `ISSLTransport` | [`Transport::as_tcp`](crate::interfaces::Transport::as_tcp), [`as_unix`](crate::interfaces::Transport::as_unix), [`as_tls`](crate::interfaces::Transport::as_tls) |
//! | `IHalfCloseableDescriptor` | [`Transport::as_half_closeable`](crate::interfaces::Transport::as_half_closeable) |
//! | `IUDPTransport`, `IMulticastTransport` | [`DatagramTransport`](crate::interfaces::DatagramTransport) with `as_udp`, `as_multicast` |
//! | `IProcessProtocol`, `IProcessTransport` | [`ProcessProtocol`](crate::interfaces::ProcessProtocol), [`ProcessTransport`](crate::interfaces::ProcessTransport) |
//! | `IListeningPort` | [`ListeningPort`](crate::interfaces::ListeningPort) |
//! | `IStreamServerEndpoint`, `IStreamClientEndpoint` | [`StreamServerEndpoint`](crate::interfaces::StreamServerEndpoint), [`StreamClientEndpoint`](crate::interfaces::StreamClientEndpoint) |
//! | `IStreamServerEndpointStringParser`, `IStreamClientEndpointStringParserWithReactor` | [`ServerParser`](crate::endpoints::ServerParser), [`ClientParser`](crate::endpoints::ClientParser), registered and not discovered |
//! | `IAddress`, `IPv4Address`, `IPv6Address`, `UNIXAddress` | [`Address`](crate::interfaces::Address) |
//!
//! # Methods
//!
//! | Twisted | here |
//! |---|---|
//! | `dataReceived(data)` | `data_received(&mut self, transport, data)` |
//! | `connectionMade()`, `connectionLost(reason)` | `connection_made(transport)`, `connection_lost(transport, reason)` |
//! | `self.transport.write`, `writeSequence` | `transport.write`, `write_sequence` |
//! | `loseConnection`, `abortConnection`, `loseWriteConnection` | `lose_connection`, `abort_connection`, `as_half_closeable()` and `lose_write_connection` |
//! | `getPeer`, `getHost` | `peer`, `host` |
//! | `registerProducer(p, True)`, `(p, False)` | `register_producer(Producer::Push(p))`, `Producer::Pull(p)` |
//! | `buildProtocol` | `build_protocol`; `None` refuses |
//! | `callLater(1.5, f)`, `.cancel`, `.reset`, `.delay`, `.active` | `call_later(Duration, f)`, the same four |
//! | `seconds()` | `now()`, which begins at the reactor's zero |
//! | `callWhenRunning`, `addSystemEventTrigger("before", "shutdown", f)` | `call_when_running`, `add_system_event_trigger(Phase::Before, SystemEvent::Shutdown, …)` |
//! | `callFromThread`, `deferToThread`, `blockingCallFromThread` | [`Remote`](crate::reactor::Remote), [`threads`](crate::protocol::threads) |
//! | `reactor.stop()`, Ctrl-C | `stop()`, [`stop_on_signals`](crate::reactor::Reactor::stop_on_signals) |
//!
//! # `twisted.internet.defer`
//!
//! | Twisted | here |
//! |---|---|
//! | `Deferred()`, `.callback(x)`, `.errback(f)` | `let (deferred, promise) = Deferred::new()`, `promise.callback(x)`, `promise.errback(e)` |
//! | `Deferred(canceller)`, `.cancel()` | `Deferred::with_canceller`, `deferred.cancel_handle()` and its `cancel` |
//! | `succeed`, `fail`, `maybeDeferred`, `execute` | `Deferred::succeed`, `Deferred::fail`, [`maybe_deferred`](crate::deferred::maybe_deferred), [`execute`](crate::deferred::execute) |
//! | `addCallback`, `addErrback`, `addBoth`, `addCallbacks` | `add_callback`, `add_errback`, `add_both`, `add_callbacks` |
//! | `failure.trap(E)`, `failure.check(E)`, `failure.value` | `failure.trap::<E>()?`, `failure.check::<E>()`, `failure.downcast_ref::<E>()` |
//! | `chainDeferred`, `pause`, `unpause`, `addTimeout` | `chain_deferred`, `pause`, [`DeferredExt::add_timeout`](crate::protocol::task::DeferredExt) |
//! | `inlineCallbacks`, `await`, `ensureDeferred` | `async` and `.await`, [`Reactor::spawn`](crate::reactor::Reactor::spawn) |
//! | `DeferredList`, `gatherResults`, `race` | [`DeferredList`](crate::deferred::DeferredList), [`gather_results`](crate::deferred::gather_results), [`race`](crate::deferred::race) |
//! | `DeferredLock`, `DeferredSemaphore`, `DeferredQueue` | the same |
//! | `CancelledError`, `TimeoutError`, `FirstError` | [`Cancelled`](crate::deferred::Cancelled), [`TimedOut`](crate::protocol::task::TimedOut), [`FirstError`](crate::deferred::FirstError) |
//! | "Unhandled error in Deferred" | [`set_unhandled_hook`](crate::deferred::set_unhandled_hook) |
//!
//! # `twisted.internet.task`, `threads`, `utils`, `endpoints`, `error`
//!
//! | Twisted | here |
//! |---|---|
//! | `LoopingCall`, `deferLater`, `Cooperator`, `cooperate`, `react` | [`LoopingCall`](crate::protocol::task::LoopingCall), [`defer_later`](crate::protocol::task::defer_later), [`Cooperator`](crate::protocol::task::Cooperator), [`react`](crate::reactor::react) |
//! | `task.Clock` | [`testing::Clock`](https://docs.rs/ropewalk-protocol), with the feature `testing` |
//! | `deferToThread`, `blockingCallFromThread`, `getThreadPool` | [`defer_to_thread`](crate::protocol::threads::defer_to_thread), [`blocking_call_from_thread`](crate::protocol::threads::blocking_call_from_thread), [`ThreadPool`](crate::reactor::ThreadPool) |
//! | `getProcessOutput`, `getProcessValue`, `getProcessOutputAndValue` | [`process`](crate::protocol::process) |
//! | `serverFromString`, `clientFromString` | [`registry`](crate::registry), its `server` and `client` |
//! | `connectProtocol`, `quoteStringArgument` | [`connect_protocol`](crate::protocol::connect_protocol), [`quote_string_argument`](crate::endpoints::quote_string_argument), and [`quote_positional_argument`](crate::endpoints::quote_positional_argument) for a value without a name |
//! | `ConnectionDone`, `ConnectionLost`, `ConnectionAborted` | [`Reason::Done`](crate::interfaces::Reason::Done), [`Lost`](crate::interfaces::Reason::Lost), [`Aborted`](crate::interfaces::Reason::Aborted) |
//! | `ConnectError` and its kinds, `CannotListenError` | [`ConnectError`](crate::interfaces::ConnectError), [`ListenError`](crate::interfaces::ListenError) |
//! | `ProcessDone`, `ProcessTerminated` | [`ProcessReason`](crate::interfaces::ProcessReason) |
//!
//! # `twisted.internet.protocol`, `application.internet`, `application.service`
//!
//! | Twisted | here |
//! |---|---|
//! | `Factory.forProtocol(P)`, `buildProtocol`, `startFactory`, `stopFactory` | [`factory_fn`](crate::protocol::factory_fn), [`FactoryFn`](crate::protocol::FactoryFn); [`factory_cyclic`](crate::protocol::factory_cyclic) for protocols that know themselves |
//! | `ClientFactory`, `IConnector` | [`ClientFactory`](crate::protocol::client::ClientFactory), [`Connector`](crate::protocol::client::Connector) |
//! | `ReconnectingClientFactory` | [`ReconnectingClientFactory`](crate::protocol::client::ReconnectingClientFactory) |
//! | `ClientCreator` | [`ClientCreator`](crate::protocol::client::ClientCreator) |
//! | `ClientService`, `backoffPolicy` | [`ClientService`](crate::protocol::client::ClientService), [`BackoffPolicy`](crate::protocol::client::BackoffPolicy) |
//! | `Service`, `MultiService` | [`Service`](crate::protocol::service::Service), [`MultiService`](crate::protocol::service::MultiService) |
//! | `StreamServerEndpointService`, `TimerService` | [`StreamServerEndpointService`](crate::protocol::service::StreamServerEndpointService), [`TimerService`](crate::protocol::service::TimerService) |
//! | `strports.service` | [`service`](crate::endpoints::service) |
//! | `ConnectedDatagramProtocol`, `DatagramProtocol`, `ProcessProtocol` | [`DatagramProtocol`](crate::interfaces::DatagramProtocol), [`ProcessProtocol`](crate::interfaces::ProcessProtocol) |
//!
//! # `twisted.protocols`
//!
//! | Twisted | here |
//! |---|---|
//! | `basic.LineReceiver`, `LineOnlyReceiver` | [`LineReceiver`](crate::protocol::receivers::LineReceiver), [`LineOnlyReceiver`](crate::protocol::receivers::LineOnlyReceiver) |
//! | `NetstringReceiver`, `Int8StringReceiver`, `Int16StringReceiver`, `Int32StringReceiver` | [`StringReceiver`](crate::protocol::receivers::StringReceiver) on [`NetstringProtocol`](crate::protocol::receivers::NetstringProtocol), [`Int8StringProtocol`](crate::protocol::receivers::Int8StringProtocol) … |
//! | `stateful.StatefulProtocol` | [`StatefulReceiver`](crate::protocol::receivers::StatefulReceiver) |
//! | `basic.FileSender`, `pcp` | [`producers`](crate::protocol::producers) |
//! | `policies.ProtocolWrapper`, `WrappingFactory` | [`Layer`](crate::protocol::layer::Layer), [`WrappingFactory`](crate::protocol::layer::WrappingFactory) |
//! | `TimeoutFactory`, `TimeoutMixin` | [`TimeoutFactory`](crate::protocol::policies::TimeoutFactory), [`ConnectionTimeout`](crate::protocol::policies::ConnectionTimeout) |
//! | `ThrottlingFactory`, `LimitTotalConnectionsFactory`, `LimitConnectionsByPeer` | [`policies`](crate::protocol::policies), by the same names |
//! | `TrafficLoggingFactory`, `SpewingFactory` | the same |
//! | `wire`, `finger`, `ident` | [`wire`](crate::protocol::wire) |
//! | `socks` | [`socks`](crate::protocol::socks) |
//! | `portforward` | [`RelayFactory`](crate::protocol::relay::RelayFactory) |
//! | `tls.TLSMemoryBIOFactory` | `tls::wrap_server`, `tls::wrap_client` |
//! | `transport.startTLS` | `tls::wrap_start_tls` for the factory, then `tls::start_tls_server` or `tls::start_tls_client` |
//!
//! Invariant: each name of ours is a link, so that one that is renamed fails the build of the documentation.

pub mod programs;
