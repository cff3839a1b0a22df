//! [`Failing`]: the simulated system, with calls that fail as a [`FaultPlan`] says.
//!
//! Invariant: a call that fails is not made.

use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use interfaces::{
    Address, ConnectTcp, KeepAliveTimes, ListenError, ListenTcp, ListenUnix, OsError, UnixAddress,
};
use reactor::simulated::{Simulated, SimulatedListener, SimulatedStream};
use reactor::sys::{
    Ancillary, ConnectFault, ReadAlone, Report, SocketOption, StreamSys, Sys, Token, Watch,
};

use super::call::SystemCall;
use super::plan::FaultPlan;

/// A system whose calls fail by a plan; a clone is the same.
#[derive(Clone, Debug)]
pub(crate) struct Failing {
    pub(crate) inner: Simulated,
    pub(crate) plan: Rc<FaultPlan>,
}

/// The error of a port that cannot be opened.
pub(crate) fn listen_error(address: Address, error: &io::Error) -> ListenError {
    let source = OsError::from_raw_os_error(error.raw_os_error().unwrap_or_default());
    ListenError::Refused { address, source, hint: "the fault of a test".into() }
}

impl Sys for Failing {
    type Events = <Simulated as Sys>::Events;

    fn now(&self) -> Duration {
        self.inner.now()
    }

    fn poll(&self, timeout: Option<Duration>, events: &mut Self::Events) -> io::Result<()> {
        self.inner.poll(timeout, events)
    }

    fn reports(events: &Self::Events) -> impl Iterator<Item = impl Report> {
        Simulated::reports(events)
    }

    fn waker(&self) -> Box<dyn Fn() + Send + Sync> {
        self.inner.waker()
    }

    fn watch_signal(&self, signal: i32) -> io::Result<()> {
        self.inner.watch_signal(signal)
    }

    fn signal_came(&self) -> bool {
        self.inner.signal_came()
    }

    fn take_signals(&self) -> Vec<i32> {
        self.inner.take_signals()
    }
}

impl StreamSys for Failing {
    type Stream = SimulatedStream;
    type Listener = SimulatedListener;

    fn listen_tcp(&self, options: &ListenTcp) -> Result<SimulatedListener, ListenError> {
        let checked = self.plan.check(SystemCall::ListenTcp);
        checked.map_err(|error| listen_error(options.address.into(), &error))?;
        self.inner.listen_tcp(options)
    }

    fn listen_unix(&self, options: &ListenUnix) -> Result<SimulatedListener, ListenError> {
        let checked = self.plan.check(SystemCall::ListenUnix);
        checked.map_err(|error| listen_error(Address::Unix(options.address.clone()), &error))?;
        self.inner.listen_unix(options)
    }

    fn listener_address(&self, listener: &SimulatedListener) -> Address {
        self.inner.listener_address(listener)
    }

    fn register_listener(&self, listener: &SimulatedListener, token: Token) -> io::Result<()> {
        self.plan.check(SystemCall::RegisterListener)?;
        self.inner.register_listener(listener, token)
    }

    fn deregister_listener(&self, listener: &SimulatedListener) {
        self.inner.deregister_listener(listener);
    }

    fn accept(&self, listener: &SimulatedListener) -> io::Result<(SimulatedStream, Address)> {
        self.plan.check(SystemCall::Accept)?;
        self.inner.accept(listener)
    }

    fn connection_waits(&self, listener: &SimulatedListener) -> bool {
        self.inner.connection_waits(listener)
    }

    fn accept_and_close(&self, listener: &SimulatedListener) -> io::Result<()> {
        self.plan.check(SystemCall::AcceptAndClose)?;
        self.inner.accept_and_close(listener)
    }

    fn connect_tcp(&self, options: &ConnectTcp) -> Result<SimulatedStream, ConnectFault> {
        self.plan.check(SystemCall::ConnectTcp).map_err(ConnectFault::Connect)?;
        self.inner.connect_tcp(options)
    }

    fn connect_unix(&self, address: &UnixAddress) -> io::Result<SimulatedStream> {
        self.plan.check(SystemCall::ConnectUnix)?;
        self.inner.connect_unix(address)
    }

    fn is_locked(&self, address: &UnixAddress) -> bool {
        self.inner.is_locked(address)
    }

    fn register(&self, stream: &SimulatedStream, token: Token, watch: Watch) -> io::Result<()> {
        self.plan.check(SystemCall::Register)?;
        self.inner.register(stream, token, watch)
    }

    fn watch_writing(&self, stream: &SimulatedStream, token: Token) -> io::Result<()> {
        self.plan.check(SystemCall::WatchWriting)?;
        self.inner.watch_writing(stream, token)
    }

    fn deregister(&self, stream: &SimulatedStream) {
        self.inner.deregister(stream);
    }

    fn take_error(&self, stream: &SimulatedStream) -> io::Result<()> {
        self.plan.check(SystemCall::TakeError)?;
        self.inner.take_error(stream)
    }

    fn read(&self, stream: &SimulatedStream, buffer: &mut [u8]) -> io::Result<usize> {
        self.plan.check(SystemCall::Read)?;
        self.inner.read(stream, buffer)
    }

    fn write(&self, stream: &SimulatedStream, data: &[u8]) -> io::Result<usize> {
        self.plan.check(if data.is_empty() {
            SystemCall::WriteNothing
        } else {
            SystemCall::Write
        })?;
        self.inner.write(stream, data)
    }

    fn write_vectored(&self, stream: &SimulatedStream, data: &[IoSlice<'_>]) -> io::Result<usize> {
        self.plan.check(SystemCall::Write)?;
        self.inner.write_vectored(stream, data)
    }

    fn write_last(&self, stream: &SimulatedStream, data: &[u8]) -> io::Result<usize> {
        self.plan.check(SystemCall::Write)?;
        self.inner.write_last(stream, data)
    }

    fn read_alone(&self, stream: &SimulatedStream, buffer: &mut [u8]) -> io::Result<ReadAlone> {
        self.plan.check(SystemCall::Read)?;
        self.inner.read_alone(stream, buffer)
    }

    fn read_with_descriptors(
        &self,
        stream: &SimulatedStream,
        buffer: &mut [u8],
        ancillary: &mut Ancillary,
    ) -> io::Result<usize> {
        self.plan.check(SystemCall::Read)?;
        self.inner.read_with_descriptors(stream, buffer, ancillary)
    }

    fn write_with_descriptors(
        &self,
        stream: &SimulatedStream,
        data: &[u8],
        descriptors: &mut Vec<OwnedFd>,
    ) -> io::Result<usize> {
        self.plan.check(SystemCall::Write)?;
        self.inner.write_with_descriptors(stream, data, descriptors)
    }

    fn shutdown_write(&self, stream: &SimulatedStream) -> io::Result<()> {
        self.plan.check(SystemCall::Shutdown)?;
        self.inner.shutdown_write(stream)
    }

    fn has_unread(&self, stream: &SimulatedStream) -> bool {
        self.inner.has_unread(stream)
    }

    fn peer_is_gone(&self, stream: &SimulatedStream) -> bool {
        self.inner.peer_is_gone(stream)
    }

    fn unacknowledged_bytes(&self, stream: &SimulatedStream) -> usize {
        self.inner.unacknowledged_bytes(stream)
    }

    fn reset_on_close(&self, stream: &SimulatedStream) {
        self.inner.reset_on_close(stream);
    }

    fn local_address(&self, stream: &SimulatedStream) -> Address {
        self.inner.local_address(stream)
    }

    fn peer_address(&self, stream: &SimulatedStream) -> Address {
        self.inner.peer_address(stream)
    }

    fn option(&self, stream: &SimulatedStream, option: SocketOption) -> bool {
        self.inner.option(stream, option)
    }

    fn set_option(&self, stream: &SimulatedStream, option: SocketOption, on: bool) {
        self.inner.set_option(stream, option, on);
    }

    fn set_keep_alive_times(&self, stream: &SimulatedStream, times: KeepAliveTimes) {
        self.inner.set_keep_alive_times(stream, times);
    }

    fn peer_credentials(&self, stream: &SimulatedStream) -> Option<(u32, u32, u32)> {
        self.inner.peer_credentials(stream)
    }
}
