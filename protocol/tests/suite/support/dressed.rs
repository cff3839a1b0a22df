//! A string transport that looks like TLS over TCP.

use std::cell::Cell;
use std::rc::Rc;

use interfaces::{
    Address, AlreadyProducing, BufferLimits, Chunk, HalfCloseableTransport, KeepAliveTimes,
    Producer, PushProducer, TcpTransport, TlsTransport, Transport,
};
use ropewalk_protocol::testing::StringTransport;

/// Records the socket options that are set.
pub(crate) struct Dressed {
    pub(crate) below: Rc<StringTransport>,
    pub(crate) no_delay: Cell<bool>,
    pub(crate) keep_alive: Cell<Option<KeepAliveTimes>>,
    pub(crate) undelivered: Cell<usize>,
    /// How often it was asked for them.
    pub(crate) asked: Cell<usize>,
    pub(crate) broken: Cell<bool>,
    /// TLS, and whether its handshake is done.
    pub(crate) tls: Option<Cell<bool>>,
}

impl Dressed {
    pub(crate) fn tcp() -> Rc<Self> {
        Rc::new(Self {
            below: StringTransport::new(),
            no_delay: Cell::new(false),
            keep_alive: Cell::new(None),
            undelivered: Cell::new(0),
            asked: Cell::new(0),
            broken: Cell::new(false),
            tls: None,
        })
    }

    pub(crate) fn tls() -> Rc<Self> {
        let tcp = Rc::into_inner(Self::tcp()).expect("it is new");
        Rc::new(Self { tls: Some(Cell::new(false)), ..tcp })
    }

    pub(crate) fn as_transport(self: &Rc<Self>) -> Rc<dyn Transport> {
        self.clone()
    }
}

impl PushProducer for Dressed {
    fn pause_producing(&self) {
        self.below.pause_producing();
    }

    fn resume_producing(&self) {
        self.below.resume_producing();
    }

    fn stop_producing(&self) {
        self.below.stop_producing();
    }
}

impl Transport for Dressed {
    fn write(&self, data: &[u8]) {
        self.below.write(data);
    }

    fn write_sequence(&self, chunks: Vec<Chunk>) {
        self.below.write_sequence(chunks);
    }

    fn lose_connection(&self) {
        self.below.lose_connection();
    }

    fn abort_connection(&self) {
        self.below.abort_connection();
    }

    fn lose_connection_with_reset(&self) {
        self.below.lose_connection_with_reset();
    }

    fn undelivered_bytes(&self) -> usize {
        self.asked.set(self.asked.get() + 1);
        self.undelivered.get()
    }

    fn is_broken(&self) -> bool {
        self.broken.get()
    }

    fn peer(&self) -> Address {
        self.below.peer()
    }

    fn host(&self) -> Address {
        self.below.host()
    }

    fn register_producer(&self, producer: Producer) -> Result<(), AlreadyProducing> {
        self.below.register_producer(producer)
    }

    fn unregister_producer(&self) {
        self.below.unregister_producer();
    }

    fn set_buffer_limits(&self, limits: BufferLimits) {
        self.below.set_buffer_limits(limits);
    }

    fn as_half_closeable(&self) -> Option<&dyn HalfCloseableTransport> {
        self.below.as_half_closeable()
    }

    fn as_tcp(&self) -> Option<&dyn TcpTransport> {
        Some(self)
    }

    fn as_tls(&self) -> Option<&dyn TlsTransport> {
        self.tls.as_ref().map(|_| self as &dyn TlsTransport)
    }
}

impl TcpTransport for Dressed {
    fn tcp_no_delay(&self) -> bool {
        self.no_delay.get()
    }

    fn set_tcp_no_delay(&self, on: bool) {
        self.no_delay.set(on);
    }

    fn tcp_keep_alive(&self) -> bool {
        self.keep_alive.get().is_some()
    }

    fn set_tcp_keep_alive(&self, on: bool) {
        self.keep_alive.set(on.then(KeepAliveTimes::default));
    }

    fn set_tcp_keep_alive_times(&self, times: KeepAliveTimes) {
        self.keep_alive.set(Some(times));
    }
}

impl TlsTransport for Dressed {
    fn negotiated_protocol(&self) -> Option<Vec<u8>> {
        None
    }

    fn peer_certificates(&self) -> Vec<Vec<u8>> {
        Vec::new()
    }

    fn version(&self) -> Option<Rc<str>> {
        let is_done = self.tls.as_ref().is_some_and(Cell::get);
        is_done.then(|| "TLSv1_3".into())
    }
}
