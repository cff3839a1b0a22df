//! The narrow traits between Ropewalk's crates, Twisted's `twisted.internet.interfaces`.
//!
//! An application writes a [`Protocol`] and asks for endpoints ([`StreamServerEndpoint`],
//! [`StreamClientEndpoint`]); a reactor or a layer implements [`Transport`] and delivers events to a
//! [`Deliver`]. The crate has traits and plain types only, and runs nothing: a crate that uses them
//! fits all the others.
//!
//! ```text
//!      Protocol            what an application writes: `&mut self`, called one at a time
//!         ▲ ProtocolRef    (crate `protocol`) gives it a mailbox
//!      Deliver             what transports hold: `&self`, takes an `Event`
//!         ▲
//!   layer: Deliver below,  TLS, a throttle, a traffic log: wraps any transport, and nests
//!          Transport above
//!         ▲
//!      Transport           what a reactor makes for each connection
//! ```
//!
//! # The rule that everything rests on
//!
//! **Transport calls are thrown over the wall**: no [`Transport`] method runs protocol code before
//! it returns. A transport delivers events later, from the reactor's turn, with nothing borrowed. A
//! [`Producer`] is not a protocol: a transport calls it from inside `write`.
//!
//! # How a reactor is handed over
//!
//! A function or constructor asks for the abilities that it needs, never for a reactor:
//!
//! - What keeps it takes it by value: `reactor: impl ReactorTcp + Resolver + 'static`. A reactor is a
//!   handle that is cheap to clone, and an `Rc` of anything with an ability has that ability, so
//!   `reactor.clone()`, an `Rc<Clock>` and an `Rc<dyn ReactorTcp>` all fit.
//! - What uses it during the call only borrows it: `clock: &dyn ReactorTime`.
//!
//! # Features
//!
//! The crate is `no_std` with `alloc`. `std` (on by default) adds threads, inherited descriptors, and
//! the system's texts for its errors. `testing` adds an event that no layer knows, by which a test sees that
//! a layer passes on what is added later.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

mod address;
mod chunk;
mod os_error;
mod printable;
mod reason;

mod producer;
mod query;
mod transport;

mod buffered_protocol;
mod deliver;
mod factory;
#[cfg(feature = "std")]
mod file_descriptors;
mod protocol;

mod datagram_protocol;
mod datagram_transport;
mod deliver_datagram;
mod multicast_transport;

mod connect_error;
mod endpoint;
mod export_keying_material_error;
mod listen_error;
mod listening_port;
mod log_prefix;
#[cfg(feature = "std")]
mod share_socket_error;

mod process_protocol;
mod process_reason;
mod process_transport;
#[cfg(feature = "std")]
mod reactor_fd_set;
#[cfg(feature = "std")]
mod reactor_process;
mod reactor_stdio;
#[cfg(feature = "std")]
mod spawn_process;
mod window_size;

mod vsock_address;

pub mod delayed_call;
mod observer;
mod reactor_core;
mod reactor_multicast;
#[cfg(feature = "std")]
mod reactor_run;
#[cfg(feature = "std")]
mod reactor_socket;
mod reactor_tcp;
#[cfg(feature = "std")]
mod reactor_threads;
mod reactor_time;
mod reactor_udp;
mod reactor_unix;
mod reactor_unix_datagram;
mod resolver;
mod tcp_options;

pub use address::{Address, UnixAddress};
pub use buffered_protocol::BufferedProtocol;
pub use chunk::Chunk;
pub use connect_error::{ConnectError, FailedAddress};
pub use datagram_protocol::DatagramProtocol;
pub use datagram_transport::{
    ConnectDatagramError, DatagramCounts, DatagramTransport, SendError, UdpTransport,
};
pub use delayed_call::{DelayedCall, NotPending};
pub use deliver::{Deliver, Event, OwnedEvent, ReadingRoles};
pub use deliver_datagram::{DatagramEvent, DeliverDatagram, OwnedDatagramEvent};
pub use endpoint::{StreamClientEndpoint, StreamServerEndpoint};
pub use export_keying_material_error::ExportKeyingMaterialError;
pub use factory::Factory;
#[cfg(feature = "std")]
pub use file_descriptors::{
    FileDescriptorReceiver, ReceiveFileDescriptorError, SendFileDescriptorError,
};
pub use listen_error::{ListenError, OwnerKind};
pub use listening_port::ListeningPort;
pub use log_prefix::short_type_name;
pub use multicast_transport::{MulticastError, MulticastInterface, MulticastTransport};
pub use observer::{Observer, ReactorEvent};
pub use os_error::OsError;
pub use printable::{Printable, is_printable, panic_message, printable, visible};
pub use process_protocol::ProcessProtocol;
pub use process_reason::{ExitStatus, ProcessReason};
pub use process_transport::{
    NoSuchChildFd, ProcessTransport, Signal, SignalError, WindowSizeError,
};
pub use producer::{AlreadyProducing, Producer, PullProducer, PushProducer};
pub use protocol::{HalfCloseableProtocol, HandshakeListener, Protocol};
pub use query::{PeerCertificates, PeerCredentials, PeerIdentity, Query};
pub use reactor_core::{NotRunning, Phase, ReactorCore, SystemEvent, Trigger, TriggerId};
#[cfg(feature = "std")]
pub use reactor_fd_set::{
    FileDescriptor, ReactorFdSet, ReadDescriptor, WatchError, WriteDescriptor,
};
pub use reactor_multicast::{ListenMulticast, ReactorMulticast};
#[cfg(feature = "std")]
pub use reactor_process::{ReactorProcess, SpawnError};
#[cfg(feature = "std")]
pub use reactor_run::ReactorRun;
#[cfg(feature = "std")]
pub use reactor_socket::{AdoptError, ReactorSocket};
#[cfg(feature = "std")]
pub use reactor_stdio::ReactorDescriptors;
pub use reactor_stdio::{ReactorStdio, StdioError};
pub use reactor_tcp::{BACKLOG_MAX, ConnectTcp, DualStack, ListenTcp, ReactorTcp};
#[cfg(feature = "std")]
pub use reactor_threads::{FromThread, ReactorThreads, ThreadOutcome};
pub use reactor_time::ReactorTime;
pub use reactor_udp::{ListenUdp, QUEUED_DATAGRAM_BYTES, ReactorUdp, UDP_BYTES_MAX};
pub use reactor_unix::{ConnectUnix, ListenUnix, LockFile, ReactorUnix};
pub use reactor_unix_datagram::{
    ConnectUnixDatagramError, ListenUnixDatagram, ReactorUnixDatagram,
};
pub use reason::{Deadline, Reason};
pub use resolver::{AddressFamily, ResolveError, Resolver};
#[cfg(feature = "std")]
pub use share_socket_error::ShareSocketError;
#[cfg(feature = "std")]
pub use spawn_process::{
    ChildDescriptor, ChildDescriptors, Environment, ProcessGroup, SpawnProcess,
};
pub use tcp_options::TcpOptions;
pub use transport::{
    BufferLimits, HalfCloseableTransport, KeepAliveTimes, TcpTransport, TlsTransport, Transport,
    UnixTransport,
};
pub use vsock_address::VsockAddress;
pub use window_size::WindowSize;
