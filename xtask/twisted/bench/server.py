"""
The measured programs: plain Twisted, in which only the line that installs the reactor differs.

C{server.py ropewalk|epoll|uvloop echo|line|web|tls|udp} prints C{ready PORT}, and ends with its standard input.
"""

import sys
import threading

REACTOR, PROGRAM = sys.argv[1:]

if REACTOR == "ropewalk":
    from twisted.internet import ropewalkreactor

    ropewalkreactor.install()
elif REACTOR == "uvloop":
    import uvloop
    from twisted.internet import asyncioreactor

    asyncioreactor.install(uvloop.new_event_loop())
else:
    from twisted.internet import epollreactor

    epollreactor.install()

from twisted.internet import protocol, reactor, ssl  # noqa: E402
from twisted.protocols.basic import LineReceiver  # noqa: E402
from twisted.web import resource, server  # noqa: E402


class Echo(protocol.Protocol):
    def dataReceived(self, data):
        self.transport.write(data)


class Lines(LineReceiver):
    def lineReceived(self, line):
        self.sendLine(line)


class EchoDatagrams(protocol.DatagramProtocol):
    def datagramReceived(self, datagram, addr):
        self.transport.write(datagram, addr)


class Page(resource.Resource):
    isLeaf = True

    def render_GET(self, request):
        return b"x" * 1024


def certificate():
    """
    A self-signed certificate of this run.
    """
    key = ssl.KeyPair.generate(size=2048)
    return key.selfSignedCert(1, CN="localhost")


def listen():
    if PROGRAM == "web":
        return reactor.listenTCP(0, server.Site(Page()), interface="127.0.0.1")
    if PROGRAM == "udp":
        return reactor.listenUDP(0, EchoDatagrams(), interface="127.0.0.1")
    kind = Lines if PROGRAM == "line" else Echo
    factory = protocol.Factory.forProtocol(kind)
    if PROGRAM == "tls":
        return reactor.listenSSL(0, factory, certificate().options(), interface="127.0.0.1")
    return reactor.listenTCP(0, factory, interface="127.0.0.1")


def end():
    sys.stdin.read()
    reactor.callFromThread(reactor.stop)


print("ready", listen().getHost().port, flush=True)
threading.Thread(target=end, daemon=True).start()
reactor.run()
