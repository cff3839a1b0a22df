//! One connection as a protocol sees it; Twisted's `ITransport` with `IConsumer` and `IPushProducer`.
//!
//! Invariant: no method runs protocol code before it returns, and every method may be called at any
//! time: on a connection that ended, all but the addresses do nothing.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::{
    Address, AlreadyProducing, Chunk, ExportKeyingMaterialError, Producer, PushProducer, Query,
};

/// One connection, shared: clone the `Rc` to keep it.
///
/// The reactor implements it for sockets, and a layer (TLS, a throttle) for what it wraps. As a
/// [`PushProducer`] a transport controls its own reading: after `pause_producing` no more data
/// arrives, not even bytes that were read already; end of file waits too. `stop_producing` is
/// `lose_connection`.
#[doc(alias = "ITransport")]
pub trait Transport: PushProducer {
    /// Queues bytes. Never blocks and never fails: on a connection that ended or is closing for
    /// writing, the bytes are dropped, and `connection_lost` gives the reason.
    ///
    /// The bytes of all writes of one callback leave in one system call when it returns.
    fn write(&self, data: &[u8]);

    /// Queues several pieces as if written one after the other, without joining them.
    #[doc(alias = "writeSequence")]
    fn write_sequence(&self, chunks: Vec<Chunk>);

    /// Closes after all queued bytes are sent and any registered producer has been unregistered, or
    /// [has finished](PushProducer::has_finished) by now. Idempotent.
    ///
    /// From this call on no data is delivered, over no transport and through no layer: a protocol that has
    /// said that it is done needs no state for bytes that come all the same. A side that wants to hear the
    /// peer out ends its own direction alone, with
    /// [`lose_write_connection`](HalfCloseableTransport::lose_write_connection), which over TLS sends
    /// `close_notify`, and calls this when the peer has ended, too.
    ///
    /// # Differences from Twisted
    ///
    /// There TCP stops reading in `loseConnection`, and TLS goes on delivering until the peer's
    /// `close_notify` (26.10), so that a protocol meets data there that it never meets over TCP.
    #[doc(alias = "loseConnection")]
    fn lose_connection(&self);

    /// Closes now: queued bytes are dropped, and the peer gets a reset where the wire has one.
    /// `connection_lost` follows on a later turn, with [`Reason::Aborted`](crate::Reason::Aborted).
    #[doc(alias = "abortConnection")]
    fn abort_connection(&self);

    /// As [`lose_connection`](Self::lose_connection), but the peer sees a reset behind the queued
    /// bytes and never the clean end of a stream: for a side that knows that what it sent is not all
    /// there was, such as a relay whose other side broke. `connection_lost` follows with
    /// [`Reason::Aborted`](crate::Reason::Aborted). A layer over a stream passes it on, without an end
    /// of its own; without an own reset a wire just ends. Idempotent.
    fn lose_connection_with_reset(&self) {
        self.lose_connection();
    }

    /// How many written bytes the peer has not taken yet, as far as this side knows: unsent ones, and
    /// those that its system has not acknowledged. A number that changes shows that a slow peer is
    /// not a silent one; time limits look at it now and then. It may cost a system call. A transport that
    /// does not know answers zero.
    fn undelivered_bytes(&self) -> usize {
        0
    }

    /// Whether the connection is known to be broken, or its peer to be gone, and its protocol is not told
    /// yet: it has paused its reading, and what arrived before is delivered first. Time limits look at it
    /// now and then, for a consumer that takes nothing would keep such a connection for ever.
    fn is_broken(&self) -> bool {
        false
    }

    /// The number of the socket's descriptor, for an option that no method here sets or for a library that
    /// looks at sockets; `None` when it is closed, or the wire has none. The reactor owns it: it may be
    /// closed at any time in which this connection's callbacks run, and its number given to another. A layer
    /// passes it on. Twisted's `getHandle`.
    #[doc(alias = "getHandle")]
    fn raw_descriptor(&self) -> Option<i32> {
        None
    }

    /// The remote address. Valid as long as the handle.
    fn peer(&self) -> Address;

    /// The local address. Valid as long as the handle.
    fn host(&self) -> Address;

    /// Writes what `Debug` shows: at least the two addresses.
    ///
    /// # Errors
    ///
    /// Those of the formatter.
    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Transport({} to {})", self.host(), self.peer())
    }

    /// Registers the source of the bytes, so that it can be paused and resumed.
    ///
    /// A push producer is first called when the unsent bytes pass
    /// [`high_water`](BufferLimits::high_water); a pull producer is asked for its first piece at
    /// once, inside this call. On a connection that ended, the producer's `stop_producing` is
    /// called at once, and nothing is registered.
    ///
    /// # Errors
    ///
    /// [`AlreadyProducing`] when another one is registered, which stays.
    #[doc(alias = "registerProducer")]
    fn register_producer(&self, producer: Producer) -> Result<(), AlreadyProducing>;

    /// Unregisters the producer; a `lose_connection` that waited for this goes on.
    #[doc(alias = "unregisterProducer")]
    fn unregister_producer(&self);

    /// Sets how many unsent bytes pause the producer, and how many are too many. Twisted's
    /// `bufferSize`.
    #[doc(alias = "bufferSize")]
    fn set_buffer_limits(&self, limits: BufferLimits);

    /// The limits that hold for this connection. A layer that counts unsent bytes of its own, as TLS does,
    /// begins with those of the transport below.
    fn buffer_limits(&self) -> BufferLimits {
        BufferLimits::default()
    }

    /// The ability to close one direction, if this transport has it.
    fn as_half_closeable(&self) -> Option<&dyn HalfCloseableTransport> {
        None
    }

    /// The socket options of TCP, if this is TCP.
    fn as_tcp(&self) -> Option<&dyn TcpTransport> {
        None
    }

    /// The peer's credentials and the sending of descriptors, if this is a UNIX socket; the credentials
    /// alone, if this is a layer over one.
    fn as_unix(&self) -> Option<&dyn UnixTransport> {
        None
    }

    /// The results of the handshake, if this is TLS.
    fn as_tls(&self) -> Option<&dyn TlsTransport> {
        None
    }

    /// Answers a question by the type of its answer, with
    /// [`answer_with`](Query::answer_with) for each type that this transport knows; a layer then passes it
    /// on to the transport below. Protocols ask with [`query`](trait.Transport.html#method.query).
    fn answer(&self, query: &mut Query<'_>) {
        let _ = query;
    }
}

impl fmt::Debug for dyn Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.describe(f)
    }
}

/// How many unsent bytes a transport holds before it acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BufferLimits {
    /// More unsent bytes than this pause a push producer. Default 64 KiB.
    pub high_water: usize,
    /// More unsent bytes than this abort the connection with
    /// [`WriteBufferExceeded`](crate::Reason::WriteBufferExceeded). Default 16 MiB.
    pub cap: usize,
}

impl BufferLimits {
    /// With another [`high_water`](Self::high_water).
    #[must_use]
    pub fn with_high_water(mut self, high_water: usize) -> Self {
        self.high_water = high_water;
        self
    }

    /// With another [`cap`](Self::cap).
    #[must_use]
    pub fn with_cap(mut self, cap: usize) -> Self {
        self.cap = cap;
        self
    }
}

impl Default for BufferLimits {
    fn default() -> Self {
        Self { high_water: 64 * 1024, cap: 16 * 1024 * 1024 }
    }
}

/// A transport whose two directions close one by one. Twisted's `loseWriteConnection` of
/// `ITCPTransport`; ours has it wherever the wire does: TCP, UNIX sockets, TLS.
#[doc(alias = "loseWriteConnection")]
pub trait HalfCloseableTransport {
    /// Sends the queued bytes and then the end of file. Reading goes on.
    /// [`write_connection_lost`](crate::HalfCloseableProtocol::write_connection_lost) is called when
    /// they are sent. Later writes are dropped. Idempotent.
    ///
    /// As the other closes, it waits until a producer has unregistered, whose writes are sent before the end
    /// of file; but not for one that [has finished](crate::PushProducer::has_finished). So a relay of two
    /// transports may call this at the end of file of the one that feeds the other, and need not unregister it.
    ///
    /// # Differences from Twisted
    ///
    /// There the end of file follows the first empty queue at which the producer is not paused.
    #[doc(alias = "loseWriteConnection")]
    fn lose_write_connection(&self);
}

/// The socket options of TCP (tcp(7)). Twisted's `ITCPTransport`. On a connection that ended the
/// getters answer `false` and the setters do nothing.
#[doc(alias = "ITCPTransport")]
pub trait TcpTransport {
    /// Whether small writes go out at once (`TCP_NODELAY`). Off at first, as in Twisted.
    fn tcp_no_delay(&self) -> bool;
    /// Sets `TCP_NODELAY`.
    #[doc(alias = "setTcpNoDelay")]
    fn set_tcp_no_delay(&self, on: bool);
    /// Whether an idle connection is probed (`SO_KEEPALIVE`). Off at first.
    fn tcp_keep_alive(&self) -> bool;
    /// Sets `SO_KEEPALIVE`.
    #[doc(alias = "setTcpKeepAlive")]
    fn set_tcp_keep_alive(&self, on: bool);
    /// Sets `SO_KEEPALIVE`, and when an idle connection is probed, and how often before it is lost.
    fn set_tcp_keep_alive_times(&self, times: KeepAliveTimes);
}

/// The times of TCP's keep-alive (tcp(7)). What is beyond a limit counts as the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeepAliveTimes {
    /// How long nothing comes from the peer before the first probe (`TCP_KEEPIDLE`), in whole
    /// seconds, from 1 to 32767. Default 60 s.
    pub idle: Duration,
    /// The time between two probes (`TCP_KEEPINTVL`), in whole seconds, from 1 to 32767.
    /// Default 15 s.
    pub interval: Duration,
    /// How many probes without an answer lose the connection (`TCP_KEEPCNT`), from 1 to 127.
    /// Default 4.
    pub probes: u32,
}

impl KeepAliveTimes {
    /// With another [`idle`](Self::idle).
    #[must_use]
    pub fn with_idle(mut self, idle: Duration) -> Self {
        self.idle = idle;
        self
    }

    /// With another [`interval`](Self::interval).
    #[must_use]
    pub fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// With another number of [`probes`](Self::probes).
    #[must_use]
    pub fn with_probes(mut self, probes: u32) -> Self {
        self.probes = probes;
        self
    }
}

impl Default for KeepAliveTimes {
    fn default() -> Self {
        Self { idle: Duration::from_secs(60), interval: Duration::from_secs(15), probes: 4 }
    }
}

/// The abilities of a UNIX socket alone (unix(7)). Twisted's `IUNIXTransport`.
#[doc(alias = "IUNIXTransport")]
pub trait UnixTransport {
    /// The process, user and group at the other end when it connected (`SO_PEERCRED`), or `None`
    /// where the system does not report them.
    fn peer_credentials(&self) -> Option<(u32, u32, u32)>;

    /// Sends a file descriptor with the next byte that is written, behind all bytes and descriptors
    /// before it; the peer gets a descriptor of its own for the same open file. This process's is closed
    /// once it is sent, and at once on a connection that ended.
    ///
    /// Up to 253 may go with one byte, the system's `SCM_MAX_FD`; more than 64 that wait pause a push
    /// producer. One more before a byte, or more than 1,024 that wait, lose the connection with
    /// [`TooMany`](crate::SendFileDescriptorError::TooMany). One that waits when the connection closes loses
    /// it with [`Overrun`](crate::SendFileDescriptorError::Overrun).
    ///
    /// A layer over a UNIX socket sends none, for the descriptor would bypass it: TLS closes the descriptor,
    /// and loses the connection with [`Layered`](crate::SendFileDescriptorError::Layered).
    #[cfg(feature = "std")]
    #[doc(alias = "sendFileDescriptor")]
    fn send_file_descriptor(&self, descriptor: std::os::fd::OwnedFd);
}

/// The results of a TLS handshake. Twisted's `ISSLTransport` and `INegotiated`. All are `None` or
/// empty until [`handshake_completed`](crate::HandshakeListener::handshake_completed).
#[doc(alias = "INegotiated")]
#[doc(alias = "ISSLTransport")]
pub trait TlsTransport {
    /// The protocol that ALPN chose (RFC 7301).
    #[doc(alias = "negotiatedProtocol")]
    fn negotiated_protocol(&self) -> Option<Vec<u8>>;
    /// The peer's certificates in DER, its own first.
    fn peer_certificates(&self) -> Vec<Vec<u8>>;
    /// The version's name: `TLSv1_2`, `TLSv1_3`.
    fn version(&self) -> Option<Rc<str>>;
    /// The cipher suite's name: `TLS13_AES_128_GCM_SHA256`.
    fn cipher_suite(&self) -> Option<Rc<str>> {
        None
    }
    /// The DNS name of the server that the client asked for (SNI, RFC 6066 section 3), in lower case and
    /// without a dot at its end; `None` where it asked for none, as for an address.
    fn server_name(&self) -> Option<Rc<str>> {
        None
    }
    /// Fills `output` with keying material that only the two ends of this connection can compute, both the
    /// same from the same label and context: to bind something else to the connection, or as a key of the
    /// protocol above. The exporter of TLS 1.3 (RFC 8446 section 7.5, RFC 5705); pyOpenSSL's
    /// `export_keying_material`.
    ///
    /// A label is registered with IANA, or begins with `EXPERIMENTAL`. The channel binding `tls-exporter` (RFC
    /// 9266) is 32 bytes for the label `EXPORTER-Channel-Binding` and an empty context; a context that is
    /// empty and one that is absent are the same in TLS 1.3.
    ///
    /// # Errors
    ///
    /// [`ExportKeyingMaterialError`]; then `output` is as it was. Of these, `NotKept` is about the
    /// configuration of this side, and the others about the time, the version or the arguments.
    fn export_keying_material(
        &self,
        label: &[u8],
        context: &[u8],
        output: &mut [u8],
    ) -> Result<(), ExportKeyingMaterialError> {
        let _ = (label, context, output);
        Err(ExportKeyingMaterialError::Unsupported)
    }
}
