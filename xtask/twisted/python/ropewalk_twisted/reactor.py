"""
The reactor: Twisted's triggers and thread pool, over Ropewalk's turns, timers, sockets and descriptors.

UNIX datagrams, processes, standard input and output and serial ports are Twisted's own, whose descriptors are
watched here.
"""

import os
import socket
from errno import EPERM
from functools import partial

from zope.interface import implementer

from twisted.internet import error, interfaces, main
from twisted.internet.base import DelayedCall
from twisted.internet.posixbase import PosixReactorBase, _ContinuousPolling
from twisted.logger import Logger
from twisted.python import log
from twisted.python.failure import Failure

from ropewalk_twisted import _bridge, datagrams
from ropewalk_twisted.addresses import toTwisted
from ropewalk_twisted.connections import Server, UNIXServer, logPrefixOf
from ropewalk_twisted.connectors import TCPConnector, UNIXConnector
from ropewalk_twisted.ports import AdoptedPort, AdoptedUNIXPort, Port, UNIXPort

_log = Logger()


def _nothing():
    """
    Wakes the reactor, and that is all.
    """


@implementer(interfaces.IReactorFDSet)
class RopewalkReactor(PosixReactorBase):
    """
    A reactor that waits, reads, writes and counts time in Rust.

    @ivar _core: The bridge's reactor.
    @ivar _streams: The ports, connections and attempts that are open.
    @ivar _timers: The pending calls, and the bridge's timer of each.
    @ivar _watches: The watched descriptors of others: C{selectable -> (number, bridge's watch)}.
    @ivar _numbers: The same by their numbers: C{number -> selectable}.
    """

    #: Where programs have it from, with its C{install}.
    __module__ = "twisted.internet.ropewalkreactor"

    def __init__(self):
        self._core = _bridge.Core()
        self._remote = self._core.remote()
        self._streams = set()
        self._timers = {}
        self._watches = {}
        self._numbers = {}
        self._readers = set()
        self._writers = set()
        # Files are always ready, and cannot be watched.
        self._files = _ContinuousPolling(self)
        PosixReactorBase.__init__(self)

    # The loop.

    def mainLoop(self):
        """
        Runs turns until the reactor is stopped or crashes.
        """
        turn = self._core.turn
        while self._started:
            try:
                while self._started:
                    if self._justStopped:
                        self.runUntilCurrent()
                        # A trigger may have ended the run.
                        continue
                    turn()
            except BaseException:
                _log.failure("Unexpected error in main loop.")
        _log.info("Main loop terminated.")

    def stop(self):
        PosixReactorBase.stop(self)
        # The turn that this is called in waits no longer.
        self.wakeUp()

    def crash(self):
        PosixReactorBase.crash(self)
        self.wakeUp()

    def doIteration(self, delay):
        """
        One turn, which waits C{delay} seconds at the most; L{None} is for ever.
        """
        self._core.turn(delay)

    def installWaker(self):
        """
        The bridge has its own.
        """

    def wakeUp(self):
        self._remote.call(_nothing)

    def callFromThread(self, f, *args, **kwargs):
        assert callable(f), f"{f} is not callable"
        self._remote.call(partial(self._calledFromThread, f, args, kwargs))

    def _calledFromThread(self, f, args, kwargs):
        try:
            f(*args, **kwargs)
        except BaseException:
            _log.failure("while handling thread call")

    # Time.

    def callLater(self, delay, callable, *args, **kw):
        assert delay >= 0, f"{delay} is not greater than or equal to 0 seconds"
        call = DelayedCall(
            self.seconds() + delay, callable, args, kw, self._cancel, self._sooner, self.seconds
        )
        self._timers[call] = self._core.call_later(delay, self._due, call)
        return call

    def _cancel(self, call):
        self._timers.pop(call).cancel()

    def _sooner(self, call):
        self._timers[call].reset(call.time - self.seconds())

    def _due(self, call):
        if call.delayed_time > 0:
            # It was put off; the bridge is told of that only now.
            call.activate_delay()
            left = call.time - self.seconds()
            self._timers[call] = self._core.call_later(left, self._due, call)
            return
        del self._timers[call]
        call.called = 1
        try:
            call.func(*call.args, **call.kw)
        except BaseException:
            if call.creator:
                text = "".join(call.creator).rstrip().replace("\n", "\n C:")
                log.msg(f"\n C: from a DelayedCall created here:\n C:{text}\n")
            _log.failure("while handling timed call")

    def getDelayedCalls(self):
        return list(self._timers)

    # TCP and UNIX streams.

    def listenTCP(self, port, factory, backlog=50, interface=""):
        listening = Port(self, port, factory, backlog, interface)
        listening.startListening()
        return listening

    def connectTCP(self, host, port, factory, timeout=30, bindAddress=None):
        connector = TCPConnector(host, port, factory, timeout, bindAddress, self)
        connector.connect()
        return connector

    def listenUNIX(self, address, factory, backlog=50, mode=0o666, wantPID=0):
        listening = UNIXPort(self, address, factory, backlog, mode, wantPID)
        listening.startListening()
        return listening

    def connectUNIX(self, address, factory, timeout=30, checkPID=0):
        connector = UNIXConnector(address, factory, timeout, self, checkPID)
        connector.connect()
        return connector

    def adoptStreamPort(self, fileDescriptor, addressFamily, factory):
        if addressFamily not in self._supportedAddressFamilies:
            raise error.UnsupportedAddressFamily(addressFamily)
        copy = os.dup(fileDescriptor)
        if addressFamily == socket.AF_UNIX:
            with socket.socket(fileno=os.dup(fileDescriptor)) as looked:
                name = looked.getsockname()
            listening = AdoptedUNIXPort(self, name, factory, 0, 0, 0)
        else:
            listening = AdoptedPort(self, 0, factory, 0, "")
        listening._copy = copy
        listening.startListening()
        return listening

    def adoptStreamConnection(self, fileDescriptor, addressFamily, factory):
        if addressFamily not in self._supportedAddressFamilies:
            raise error.UnsupportedAddressFamily(addressFamily)
        with socket.socket(fileno=os.dup(fileDescriptor)) as looked:
            host, peer = looked.getsockname(), looked.getpeername()
        server = UNIXServer if addressFamily == socket.AF_UNIX else Server
        if addressFamily == socket.AF_UNIX:
            number, where, peer = 0, host, toTwisted(("unix", peer or None))
        else:
            kind = "ip6" if addressFamily == socket.AF_INET6 else "ip4"
            number, where, peer = peer[1], host[1], toTwisted((kind, *peer))
        protocol = factory.buildProtocol(peer)
        if protocol is None:
            return None
        connection = server(self._core, self, protocol, peer, number, None, where)
        if addressFamily == socket.AF_UNIX:
            connection.logstr = f"{logPrefixOf(protocol)},{number},{where}"
        self._core.adopt_connection(os.dup(fileDescriptor), connection)
        return connection

    # UDP.

    def listenUDP(self, port, protocol, interface="", maxPacketSize=8192):
        listening = datagrams.Port(port, protocol, interface, maxPacketSize, self)
        listening.startListening()
        return listening

    def listenMulticast(
        self, port, protocol, interface="", maxPacketSize=8192, listenMultiple=False
    ):
        listening = datagrams.MulticastPort(
            port, protocol, interface, maxPacketSize, self, listenMultiple
        )
        listening.startListening()
        return listening

    def adoptDatagramPort(self, fileDescriptor, addressFamily, protocol, maxPacketSize=8192):
        if addressFamily not in (socket.AF_INET, socket.AF_INET6):
            raise error.UnsupportedAddressFamily(addressFamily)
        listening = datagrams.Port._fromListeningDescriptor(
            self, fileDescriptor, addressFamily, protocol, maxPacketSize=maxPacketSize
        )
        listening.startListening()
        return listening

    # Descriptors of others.

    def _watch(self, selectable):
        number = selectable.fileno()
        before = self._watches.get(selectable)
        if before is not None and before[0] == number:
            return before[1]
        other = self._numbers.get(number)
        if other is not None:
            # It was closed, and its number is this one's now.
            self._forget(other)
        watch = self._core.watch(number, selectable, self)
        self._watches[selectable] = (number, watch)
        self._numbers[number] = selectable
        return watch

    def _forget(self, selectable):
        number, watch = self._watches.pop(selectable)
        if self._numbers.get(number) is selectable:
            del self._numbers[number]
        self._readers.discard(selectable)
        self._writers.discard(selectable)
        watch.remove_reader()
        watch.remove_writer()

    def _add(self, selectable, group, method, otherwise):
        if selectable in group:
            return
        watch = self._watch(selectable)
        try:
            getattr(watch, method)()
        except OSError as why:
            if selectable not in self._readers and selectable not in self._writers:
                self._forget(selectable)
            if why.errno != EPERM:
                raise
            otherwise(selectable)
        else:
            group.add(selectable)

    def _remove(self, selectable, group, method):
        if selectable not in group:
            return
        group.discard(selectable)
        if selectable in self._readers or selectable in self._writers:
            getattr(self._watches[selectable][1], method)()
        else:
            self._forget(selectable)

    def addReader(self, reader):
        self._add(reader, self._readers, "add_reader", self._files.addReader)

    def addWriter(self, writer):
        self._add(writer, self._writers, "add_writer", self._files.addWriter)

    def removeReader(self, reader):
        if self._files.isReading(reader):
            self._files.removeReader(reader)
        self._remove(reader, self._readers, "remove_reader")

    def removeWriter(self, writer):
        if self._files.isWriting(writer):
            self._files.removeWriter(writer)
        self._remove(writer, self._writers, "remove_writer")

    def _ready(self, selectable, writes):
        log.callWithLogger(selectable, self._doReadOrWrite, selectable, writes)

    def _doReadOrWrite(self, selectable, writes):
        try:
            why = selectable.doWrite() if writes else selectable.doRead()
        except BaseException as raised:
            why = raised
            log.err()
        if not why and selectable in self._watches:
            if selectable.fileno() != self._watches[selectable][0]:
                why = error.ConnectionFdescWentAway("File descriptor lost")
        if why:
            self._disconnectSelectable(selectable, why, not writes)

    def _watchLost(self, selectable, kind, number, text):
        if selectable in self._watches:
            self._forget(selectable)
        why = main.CONNECTION_DONE if kind == "done" else main.CONNECTION_LOST
        self._disconnectSelectable(selectable, why, kind == "done")

    def getReaders(self):
        streams = (stream for stream in self._streams if stream._reads)
        return [*self._readers, *self._files.getReaders(), *streams]

    def getWriters(self):
        streams = (stream for stream in self._streams if stream._writes)
        return [*self._writers, *self._files.getWriters(), *streams]

    def removeAll(self):
        """
        Removes what is watched, and gives up what is open.
        """
        removed = {*self._readers, *self._writers} - self._internalReaders
        for selectable in removed:
            self._forget(selectable)
        removed.update(self._files.removeAll())
        # A paused connection that has nothing to send is watched for nothing, and stays.
        streams = [stream for stream in self._streams if stream._reads or stream._writes]
        self._streams.difference_update(streams)
        for stream in streams:
            stream._abort()
        return [*removed, *streams]

    def disconnectAll(self):
        """
        Ends everything, as the reactor stops. What was written before leaves first, as far as the system
        takes it.
        """
        for stream in list(self._streams):
            if getattr(stream, "connected", False) and hasattr(stream, "_lose"):
                stream._lose()
                stream.connectionLost(Failure(main.CONNECTION_LOST))
        PosixReactorBase.disconnectAll(self)
        self._core.turn(0)


__all__ = ["RopewalkReactor"]
