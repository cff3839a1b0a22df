"""The bench's server on Twisted: what this workspace is modelled on, on its epoll reactor.

Invariant: the modes, numbers and pattern are those of ../peer.
"""

import os
import sys
import threading

from twisted.internet import endpoints, epollreactor

epollreactor.install()

from twisted.internet import interfaces, protocol, reactor  # noqa: E402
from zope.interface import implementer  # noqa: E402

PIECE = 64 * 1024
UPLOAD = 1024 * 1024
PATTERN = bytes((at * 167 + (at >> 8) * 13) & 0xFF for at in range(PIECE))


class Server(protocol.Protocol):
    """What all modes begin with."""

    def connectionMade(self):
        self.transport.setTcpNoDelay(True)


class Echo(Server):
    def dataReceived(self, data):
        self.transport.write(data)


class Close(Server):
    def dataReceived(self, data):
        self.transport.write(data)
        self.transport.loseConnection()


class Four(Server):
    def dataReceived(self, data):
        quarter = -(-len(data) // 4)
        for at in range(0, len(data), quarter):
            self.transport.write(data[at : at + quarter])


class Sink(Server):
    taken = 0

    def dataReceived(self, data):
        self.taken += len(data)
        while self.taken >= UPLOAD:
            self.taken -= UPLOAD
            self.transport.write(b"k")


@implementer(interfaces.IPullProducer)
class Source(Server):
    request = b""
    left = 0

    def dataReceived(self, data):
        self.request += data
        if len(self.request) >= 4:
            self.left = int.from_bytes(self.request, "big")
            self.request = b""
            self.transport.registerProducer(self, False)

    def resumeProducing(self):
        if self.left > 0:
            self.left -= 1
            self.transport.write(PATTERN)
        if self.left == 0:
            self.transport.unregisterProducer()

    def stopProducing(self):
        pass


MODES = {"echo": Echo, "close": Close, "four": Four, "sink": Sink, "source": Source}


def end_with_standard_input():
    while sys.stdin.buffer.raw.read(1):
        pass
    os._exit(0)


def ready(port):
    threading.Thread(target=end_with_standard_input, daemon=True).start()
    print("ready", port.getHost().port, flush=True)


def main():
    endpoint = endpoints.serverFromString(reactor, "tcp:0:interface=127.0.0.1:backlog=1024")
    endpoint.listen(protocol.Factory.forProtocol(MODES[sys.argv[1]])).addCallback(ready)
    reactor.run()


main()
