//! [`Failing`]'s datagram sockets, children and their pipes.
//!
//! Invariant: a call that fails is not made.

use std::io::{self, IoSlice};
use std::net::IpAddr;

use interfaces::{
    Address, ExitStatus, ListenError, ListenUdp, ListenUnixDatagram, MulticastInterface, OsError,
    SpawnError, SpawnProcess, WindowSize,
};
use reactor::simulated::{SimulatedChild, SimulatedDatagramSocket, SimulatedDescriptor};
use reactor::sys::{
    ChildWatch, DatagramSys, DescriptorSys, Membership, MulticastOption, ProcessSys, ReceiveBatch,
    Reporting, SendRun, Sharing, Spawned, Token, Watch,
};

use super::call::SystemCall;
use super::failing::{Failing, listen_error};

impl DatagramSys for Failing {
    type DatagramSocket = SimulatedDatagramSocket;

    fn bind_udp(
        &self,
        options: &ListenUdp,
        sharing: Sharing,
    ) -> Result<SimulatedDatagramSocket, ListenError> {
        let checked = self.plan.check(SystemCall::BindUdp);
        checked.map_err(|error| listen_error(options.address.into(), &error))?;
        self.inner.bind_udp(options, sharing)
    }

    fn bind_unix_datagram(
        &self,
        options: &ListenUnixDatagram,
    ) -> Result<SimulatedDatagramSocket, ListenError> {
        self.inner.bind_unix_datagram(options)
    }

    fn connect_datagram(&self, socket: &SimulatedDatagramSocket, peer: &Address) -> io::Result<()> {
        self.inner.connect_datagram(socket, peer)
    }

    fn datagram_host(&self, socket: &SimulatedDatagramSocket) -> Address {
        self.inner.datagram_host(socket)
    }

    fn datagram_peer(&self, socket: &SimulatedDatagramSocket) -> Option<Address> {
        self.inner.datagram_peer(socket)
    }

    fn register_datagrams(&self, socket: &SimulatedDatagramSocket, token: Token) -> io::Result<()> {
        self.plan.check(SystemCall::RegisterDatagrams)?;
        self.inner.register_datagrams(socket, token)
    }

    fn watch_datagrams(
        &self,
        socket: &SimulatedDatagramSocket,
        token: Token,
        watch: Watch,
    ) -> io::Result<()> {
        self.plan.check(SystemCall::WatchDatagrams)?;
        self.inner.watch_datagrams(socket, token, watch)
    }

    fn deregister_datagrams(&self, socket: &SimulatedDatagramSocket) {
        self.inner.deregister_datagrams(socket);
    }

    fn receive_datagrams(
        &self,
        socket: &SimulatedDatagramSocket,
        batch: &mut ReceiveBatch,
        packets_max: usize,
    ) -> io::Result<()> {
        self.plan.check(SystemCall::ReceiveDatagrams)?;
        self.inner.receive_datagrams(socket, batch, packets_max)
    }

    fn send_datagrams<'a>(
        &self,
        socket: &SimulatedDatagramSocket,
        runs: impl Iterator<Item = SendRun<'a>>,
    ) -> io::Result<usize> {
        self.plan.check(SystemCall::SendDatagrams)?;
        self.inner.send_datagrams(socket, runs)
    }

    fn broadcast_allowed(&self, socket: &SimulatedDatagramSocket) -> bool {
        self.inner.broadcast_allowed(socket)
    }

    fn allow_broadcast(&self, socket: &SimulatedDatagramSocket, allowed: bool) {
        self.inner.allow_broadcast(socket, allowed);
    }

    fn change_membership(
        &self,
        socket: &SimulatedDatagramSocket,
        change: Membership,
        group: IpAddr,
        interface: &MulticastInterface,
    ) -> io::Result<()> {
        self.inner.change_membership(socket, change, group, interface)
    }

    fn set_multicast_option(
        &self,
        socket: &SimulatedDatagramSocket,
        option: &MulticastOption,
    ) -> io::Result<()> {
        self.inner.set_multicast_option(socket, option)
    }

    fn multicast_loop(&self, socket: &SimulatedDatagramSocket) -> bool {
        self.inner.multicast_loop(socket)
    }

    fn multicast_ttl(&self, socket: &SimulatedDatagramSocket) -> u8 {
        self.inner.multicast_ttl(socket)
    }

    fn multicast_interface(&self, socket: &SimulatedDatagramSocket) -> MulticastInterface {
        self.inner.multicast_interface(socket)
    }
}

impl DescriptorSys for Failing {
    type Descriptor = SimulatedDescriptor;

    fn register_descriptor(
        &self,
        descriptor: &SimulatedDescriptor,
        token: Token,
    ) -> io::Result<Reporting> {
        self.plan.check(SystemCall::RegisterDescriptor)?;
        self.inner.register_descriptor(descriptor, token)
    }

    fn deregister_descriptor(&self, descriptor: &SimulatedDescriptor) {
        self.inner.deregister_descriptor(descriptor);
    }

    fn read_descriptor(
        &self,
        descriptor: &SimulatedDescriptor,
        buffer: &mut [u8],
    ) -> io::Result<usize> {
        self.plan.check(SystemCall::ReadDescriptor)?;
        self.inner.read_descriptor(descriptor, buffer)
    }

    fn write_descriptor(
        &self,
        descriptor: &SimulatedDescriptor,
        data: &[IoSlice<'_>],
    ) -> io::Result<usize> {
        self.plan.check(SystemCall::WriteDescriptor)?;
        self.inner.write_descriptor(descriptor, data)
    }

    fn has_hung_up(&self, descriptor: &SimulatedDescriptor) -> bool {
        self.inner.has_hung_up(descriptor)
    }
}

impl ProcessSys for Failing {
    type Child = SimulatedChild;

    fn spawn(
        &self,
        options: &SpawnProcess,
    ) -> Result<Spawned<SimulatedChild, SimulatedDescriptor>, SpawnError> {
        self.plan.check(SystemCall::Spawn).map_err(|error| {
            let source = OsError::from_raw_os_error(error.raw_os_error().unwrap_or_default());
            let program = options.program.to_string_lossy().into_owned();
            SpawnError::NotPrepared { program, need: "a process", source }
        })?;
        self.inner.spawn(options)
    }

    fn register_child(&self, child: &SimulatedChild, token: Token) -> io::Result<ChildWatch> {
        self.plan.check(SystemCall::RegisterChild)?;
        self.inner.register_child(child, token)
    }

    fn deregister_child(&self, child: &SimulatedChild) {
        self.inner.deregister_child(child);
    }

    fn process_id(&self, child: &SimulatedChild) -> u32 {
        self.inner.process_id(child)
    }

    fn try_wait(&self, child: &SimulatedChild) -> io::Result<Option<ExitStatus>> {
        self.plan.check(SystemCall::TryWait)?;
        self.inner.try_wait(child)
    }

    fn set_window_size(
        &self,
        terminal: &SimulatedDescriptor,
        window: WindowSize,
    ) -> io::Result<()> {
        self.inner.set_window_size(terminal, window)
    }

    fn signal_child(&self, child: &SimulatedChild, signal: i32) -> io::Result<()> {
        self.plan.check(SystemCall::SignalChild)?;
        self.inner.signal_child(child, signal)
    }
}
