"""
UDP ports: Twisted's own, which make, bind and configure the socket, with Ropewalk's way of receiving and
sending, which does many datagrams in one system call.
"""

import os

from twisted.internet import udp
from twisted.python import log
from twisted.python.failure import Failure

from ropewalk_twisted.connections import logContextOf


class _OverRopewalk:
    """
    The data path of a port, for a class before L{udp.Port}.

    @ivar _datagrams: The bridge's half while the port reads; L{None} otherwise.
    """

    _datagrams = None
    _reads = False
    _writes = False

    def _bindSocket(self):
        super()._bindSocket()
        # The protocol may write as it is started.
        self.startReading()

    def _connectToProtocol(self):
        self.protocol.makeConnection(self)

    def startReading(self):
        if self._reads:
            return
        core = self.reactor._core
        self._datagrams = core.datagrams(os.dup(self.fileno()), self.maxPacketSize, self)
        self._reads = True
        self.reactor._streams.add(self)

    def stopReading(self):
        if self._reads:
            self._reads = False
            self._datagrams.stop()
            self._datagrams = None
            self.reactor._streams.discard(self)

    #: As the reactor gives up what is open.
    _abort = stopReading

    def connect(self, host, port):
        super().connect(host, port)
        if self._datagrams is not None:
            self._datagrams.connect(host, port)

    def write(self, datagram, addr=None):
        datagrams = self._datagrams
        if datagrams is not None:
            if datagrams.send(datagram, None if addr == self._connectedAddr else addr):
                return len(datagram)
        # What is wrong is found and raised there.
        return super().write(datagram, addr)

    def _logContext(self):
        return logContextOf(self)

    def _sendFailed(self, host, port, number):
        log.msg(f"cannot send a datagram to {host} port {port}: {os.strerror(number)}")

    def _raised(self, error):
        log.err(Failure(error))


class Port(_OverRopewalk, udp.Port):
    """
    A UDP port.
    """


class MulticastPort(_OverRopewalk, udp.MulticastPort):
    """
    A UDP port that can join groups.
    """


__all__ = ["MulticastPort", "Port"]
