"""
Connections, as Twisted's protocols hold them.

What a message passes is in Rust, in the base class; here is what happens once in the life of a connection.
"""

import os
import socket

from zope.interface import implementer

from twisted.internet import _newtls, error, interfaces
from twisted.python import context, log
from twisted.python.failure import Failure
from twisted.python.log import ILogContext

from ropewalk_twisted import _bridge
from ropewalk_twisted.addresses import toTwisted


def logPrefixOf(protocol):
    """
    What logs call a protocol or a factory.
    """
    if interfaces.ILoggingContext.providedBy(protocol):
        return protocol.logPrefix()
    return protocol.__class__.__name__


def logContextOf(selectable):
    """
    This thread's stack of contexts, and the one that has the name of a connection or a port.
    """
    stack = context.theContextTracker.currentContext().contexts
    top = stack[-1]
    return stack, {**top, ILogContext: {**top[ILogContext], "system": selectable.logPrefix()}}


def failureOf(kind, number, text):
    """
    The bridge's reason of an end as Twisted's.
    """
    if kind == "done":
        return Failure(error.ConnectionDone())
    if kind == "aborted":
        return Failure(error.ConnectionAborted())
    if kind == "overrun":
        return Failure(error.FileDescriptorOverrun())
    return Failure(error.ConnectionLost(text))


class HandleMixin:
    """
    The socket of something that has a descriptor in the bridge, as Python's C{socket}.
    """

    _handle = None

    def getHandle(self):
        """
        A socket object for the same socket: a copy of its descriptor, so that what the caller closes is
        the caller's.
        """
        if self._handle is None:
            number = self.fileno()
            if number < 0:
                raise AttributeError("the socket is closed")
            self._handle = socket.socket(fileno=os.dup(number))
        return self._handle

    socket = property(lambda self: self.getHandle())

    def _closeHandle(self):
        handle, self._handle = self._handle, None
        if handle is not None:
            handle.close()


@implementer(
    interfaces.ITCPTransport,
    interfaces.ITLSTransport,
    interfaces.ISystemHandle,
    interfaces.IPushProducer,
    interfaces.IConsumer,
    interfaces.ILoggingContext,
)
class Connection(HandleMixin, _bridge.Connection):
    """
    A connection over TCP or a UNIX socket.

    @ivar protocol: Gets the events; L{None} once it is told of the end.
    """

    TLS = False
    connected = 0
    disconnected = 0
    protocol = None
    producer = None
    streamingProducer = False
    logstr = "Uninitialized"
    _peerAddress = None
    _hostAddress = None
    _reason = None
    _bufferSize = 65536

    def __init__(self, core, reactor):
        self.reactor = reactor

    def _called(self, function, *args):
        # Not callWithLogger, which keeps an exception for itself.
        return log.callWithContext({"system": self.logPrefix()}, function, *args)

    # What the bridge calls.

    def _made(self):
        self.connected = 1
        self.reactor._streams.add(self)
        self._called(self._begun)
        return logContextOf(self)

    def _begun(self):
        self.protocol.makeConnection(self)

    def _readConnectionLost(self):
        protocol = interfaces.IHalfCloseableProtocol(self.protocol)
        self._called(protocol.readConnectionLost)

    def _writeConnectionLost(self):
        protocol = interfaces.IHalfCloseableProtocol(self.protocol, None)
        if protocol is not None:
            self._called(protocol.writeConnectionLost)

    def _isHalfCloseable(self):
        return interfaces.IHalfCloseableProtocol(self.protocol, None) is not None

    def _descriptorReceived(self, number):
        if interfaces.IFileDescriptorReceiver.providedBy(self.protocol):
            self.protocol.fileDescriptorReceived(number)
            return
        os.close(number)
        log.msg(
            format="%(protocolName)s (on %(hostAddress)r) takes no descriptors: one that "
            "%(peerAddress)r sent is closed.",
            protocolName=logPrefixOf(self.protocol),
            hostAddress=self.getHost(),
            peerAddress=self.getPeer(),
        )

    def _lost(self, kind, number, text):
        reason = self._reason or failureOf(kind, number, text)
        self._called(self.connectionLost, reason)

    def _broke(self, exception):
        reason = Failure(exception, type(exception), exception.__traceback__)
        log.err(reason)
        if not self.disconnected:
            self._reason = self._reason or reason
            self._abort()

    # What Twisted calls.

    def connectionLost(self, reason):
        """
        The connection has ended, or the reactor gives it up. Tells the protocol, once.
        """
        if self.disconnected:
            return
        self.reactor._streams.discard(self)
        if reason.check(error.ConnectionAborted):
            self._abort()
        else:
            # Of no effect where the bridge tells of the end.
            self._unregister()
            self._lose()
        self.connected, self.disconnected = 0, 1
        producer, self.producer = self.producer, None
        if producer is not None and not self._producer_stopped:
            producer.stopProducing()
        self._closeHandle()
        protocol, self.protocol = self.protocol, None
        if protocol is not None:
            protocol.connectionLost(reason)

    def loseConnection(self, _reason=None):
        if self.connected and not self.disconnecting:
            self._lose()

    stopProducing = loseConnection

    def abortConnection(self):
        if not self.disconnected:
            self._abort()

    def loseWriteConnection(self):
        self._lose_write()

    def registerProducer(self, producer, streaming):
        if self.producer is not None:
            raise RuntimeError(
                f"Cannot register producer {producer}, because producer {self.producer} was never"
                " unregistered."
            )
        if self.disconnected:
            producer.stopProducing()
            return
        self.producer, self.streamingProducer = producer, streaming
        self._register(producer, streaming)

    def unregisterProducer(self):
        self.producer = None
        self._unregister()

    def stopConsuming(self):
        self.unregisterProducer()
        self.loseConnection()

    def stopReading(self):
        self.pauseProducing()

    def startReading(self):
        self.resumeProducing()

    def getHost(self):
        if self._hostAddress is None:
            self._hostAddress = self._toTwisted(self._host())
        return self._hostAddress

    def getPeer(self):
        if self._peerAddress is None:
            self._peerAddress = self._toTwisted(self._peer())
        return self._peerAddress

    @property
    def bufferSize(self):
        """
        How many unsent bytes pause a streaming producer.
        """
        return self._bufferSize

    @bufferSize.setter
    def bufferSize(self, size):
        self._bufferSize = size
        self._set_high_water(size)

    @staticmethod
    def _toTwisted(address):
        return None if address is None else toTwisted(address)

    def logPrefix(self):
        return self.logstr

    def startTLS(self, contextFactory, normal=True):
        """
        Puts Twisted's TLS between this connection and its protocol.
        """
        plain = type(self)
        self.__class__ = _OVER_TLS[plain]
        _newtls.startTLS(self, contextFactory, normal, plain)


class Server(Connection):
    """
    A connection that a port accepted, or that was adopted.
    """

    _tlsClientDefault = False

    def __init__(self, core, reactor, protocol, peer, sessionno, server, where):
        Connection.__init__(self, core, reactor)
        self.protocol = protocol
        self.server = server
        self.sessionno = sessionno
        self._peerAddress = peer
        self.client = (getattr(peer, "host", None), getattr(peer, "port", None))
        self.hostname = getattr(peer, "host", getattr(peer, "name", None))
        self.logstr = f"{logPrefixOf(protocol)},{sessionno},{self.hostname}"
        self.repstr = f"<{protocol.__class__.__name__} #{sessionno} on {where}>"

    def __repr__(self):
        return self.repstr


@implementer(interfaces.IUNIXTransport)
class UNIXMixin:
    """
    What UNIX sockets have alone.
    """

    def sendFileDescriptor(self, number):
        """
        Sends a copy of a descriptor with the next byte.
        """
        self._send_descriptor(number)


class UNIXServer(UNIXMixin, Server):
    """
    A connection that a UNIX port accepted, or that was adopted.
    """


class _OverTLS:
    """
    A connection whose application is above a TLS layer. The layer itself calls the methods of the class
    that the connection had before.
    """

    def write(self, data):
        if self.connected:
            self.protocol.write(data)

    def writeSequence(self, pieces):
        if self.connected:
            self.protocol.writeSequence(pieces)

    def loseConnection(self, _reason=None):
        if self.connected and not self.disconnecting:
            self.protocol.loseConnection()

    def registerProducer(self, producer, streaming):
        if self.TLS:
            self.protocol.registerProducer(producer, streaming)
        else:
            super().registerProducer(producer, streaming)

    def unregisterProducer(self):
        # The layer is begun without the producer, which it gets afterwards.
        if self.TLS:
            self.protocol.unregisterProducer()
        else:
            super().unregisterProducer()


#: The classes of connections, and those that they have when TLS has begun.
_OVER_TLS = {}


def mayBeOverTLS(plain):
    """
    Makes the class of a connection of this kind over TLS.
    """
    over = type(f"{plain.__name__}OverTLS", (_OverTLS, plain), {})
    _OVER_TLS[plain] = _OVER_TLS[over] = over


mayBeOverTLS(Server)
mayBeOverTLS(UNIXServer)
