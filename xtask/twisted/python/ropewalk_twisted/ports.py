"""
Listening ports.
"""

import os

from zope.interface import implementer

from twisted.internet import error, interfaces
from twisted.internet.protocol import Protocol
from twisted.internet.task import deferLater
from twisted.python import log, reflect
from twisted.python.failure import Failure

from ropewalk_twisted.addresses import local, toTwisted, unixName
from ropewalk_twisted.bindings import listeningBinding
from ropewalk_twisted.connections import HandleMixin, Server, UNIXServer, logPrefixOf


class _Refusal(Protocol):
    """
    Ends a connection that its factory has no protocol for.
    """

    def connectionMade(self):
        self.transport.loseConnection()


@implementer(interfaces.IListeningPort, interfaces.ILoggingContext)
class Port(HandleMixin):
    """
    A port that accepts connections over TCP.

    @ivar _port: The bridge's port while it listens.
    """

    _type = "TCP"
    _server = Server
    _port = None
    connected = False
    disconnected = False
    disconnecting = False
    sessionno = 0
    _writes = False

    def __init__(self, reactor, port, factory, backlog, interface):
        binding = listeningBinding(port, interface)
        self.reactor = reactor
        self.port = binding._port
        self.interface = binding._address or ""
        self._reuse = binding._reuseAddress, binding._reusePort
        self.factory = factory
        # As listen(2) takes it.
        self.backlog = max(0, backlog)

    def _listen(self, core):
        address = local(self.interface, self.port)
        return core.listen_tcp(address, self._reuse, self.backlog, self._accepted)

    def _refused(self, why):
        return error.CannotListenError(self.interface, self.port, why)

    def _name(self):
        return self._realPortNumber

    _plainName = _name

    @property
    def _realPortNumber(self):
        return self._host.port if self._port is not None else None

    def startListening(self):
        """
        Listens.

        @raise CannotListenError: The address is in use, or cannot be used.
        """
        try:
            self._port = self._listen(self.reactor._core)
        except OSError as why:
            raise self._refused(why) from None
        self._host = toTwisted(self._port.host())
        log.msg(f"{logPrefixOf(self.factory)} starting on {self._name()}")
        self.factory.doStart()
        self.connected, self.disconnecting, self.disconnected = True, False, False
        self.reactor._streams.add(self)

    def _accepted(self, peer):
        try:
            peer = self._peerOf(peer)
            protocol = self.factory.buildProtocol(peer)
            if protocol is None:
                # The client sees that its connection was made, and the end of file.
                protocol = _Refusal()
            number, self.sessionno = self.sessionno, self.sessionno + 1
            core, reactor = self.reactor._core, self.reactor
            return self._server(core, reactor, protocol, peer, number, self, self._name())
        except BaseException:
            log.err()
            return None

    def _peerOf(self, peer):
        return toTwisted(peer)

    def loseConnection(self, reason=None):
        """
        Stops listening. Connections go on.

        @return: A Deferred that fires when C{doStop} of the factory has run, or L{None} if it does not
            listen.
        """
        if not self.connected:
            return None
        if not self.disconnecting:
            self.disconnecting = True
            self._port.stop()
            reason = reason or Failure(error.ConnectionDone())
            self.deferred = deferLater(self.reactor, 0, self.connectionLost, reason)
        return self.deferred

    stopListening = loseConnection

    def _abort(self):
        self._port.stop()

    def connectionLost(self, reason):
        """
        The port is closed.
        """
        if self._port is None:
            return
        log.msg(f"({self._type} Port {self._plainName()} Closed)")
        self.reactor._streams.discard(self)
        self._closeHandle()
        port, self._port = self._port, None
        port.stop()
        self.connected, self.disconnected = False, True
        self.factory.doStop()

    @property
    def _reads(self):
        return self.connected and not self.disconnecting

    def fileno(self):
        return -1 if self._port is None else self._port.fileno()

    def getHost(self):
        return self._host

    def logPrefix(self):
        return reflect.qual(self.factory.__class__)

    def __repr__(self):
        factory = reflect.qual(self.factory.__class__)
        if self._port is None:
            return f"<{factory} (not listening)>"
        return f"<{factory} on {self._name()}>"


class UNIXPort(Port):
    """
    A port that accepts connections over a UNIX socket.
    """

    _type = "UNIX"
    _server = UNIXServer

    def __init__(self, reactor, name, factory, backlog, mode, wantPID):
        Port.__init__(self, reactor, name, factory, backlog, "")
        self._unixName = unixName(name)
        self.mode = mode
        self.wantPID = wantPID

    def _listen(self, core):
        mode, locked = self.mode & 0o7777, bool(self.wantPID)
        return core.listen_unix(self._unixName, self.backlog, mode, locked, self._accepted)

    def _refused(self, why):
        return error.CannotListenError(None, self._unixName, why)

    def _plainName(self):
        return os.fsdecode(self._unixName)

    def _name(self):
        return repr(self._plainName())


class AdoptedMixin:
    """
    A port on a socket that listens already.
    """

    _copy = None

    def _listen(self, core):
        copy, self._copy = self._copy, None
        if copy is None:
            raise OSError("an adopted port does not listen a second time")
        return core.adopt_port(copy, self._accepted)


class AdoptedPort(AdoptedMixin, Port):
    """
    A TCP port that was adopted.
    """


class AdoptedUNIXPort(AdoptedMixin, UNIXPort):
    """
    A UNIX port that was adopted.
    """
