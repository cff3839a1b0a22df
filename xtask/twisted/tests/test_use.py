"""
How programs use a reactor, and what Twisted's own suites do not ask: each test has a process of its own with the
reactor that this process has.
"""

import subprocess
import sys

from twisted.internet import reactor
from twisted.trial import unittest

PRELUDE = f"""
import os, sys, threading, time
from {type(reactor).__module__} import {type(reactor).__name__}
from twisted.internet import main
main.installReactor({type(reactor).__name__}())
from twisted.internet import endpoints, error, protocol, reactor, task

def connected(server, client):
    factory = protocol.Factory()
    factory.buildProtocol = lambda address: server()
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    endpoint = endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
    return endpoint.connect(protocol.Factory.forProtocol(client))
"""


class UseTests(unittest.SynchronousTestCase):
    """
    Programs.
    """

    def prints(self, program, *lines):
        """
        The program ends by itself, and prints the lines.
        """
        done = subprocess.run(
            [sys.executable, "-c", PRELUDE + program],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            timeout=20,
        )
        self.assertEqual(done.stdout.splitlines(), list(lines), done.stderr)

    def test_runsOnAnotherThreadThanItWasMadeOn(self):
        """
        A port and a call of the thread that made the reactor are there on the one that runs it, and the first
        one's calls wake the reactor.
        """
        self.prints(
            """
port = reactor.listenTCP(0, protocol.Factory.forProtocol(protocol.Protocol), interface="127.0.0.1")
reactor.callLater(0, print, "timer")
thread = threading.Thread(target=reactor.run, kwargs={"installSignalHandlers": False})
thread.start()
time.sleep(0.2)
reactor.callFromThread(port.stopListening)
reactor.callFromThread(reactor.stop)
thread.join(10)
print(thread.is_alive())
sys.stdout.flush()
os._exit(0)
""",
            "timer",
            "False",
        )

    def test_endsAfterADeferredBeforeShutdown(self):
        """
        The run ends when a trigger before the shutdown has waited for a timer.
        """
        self.prints(
            """
wait = lambda: task.deferLater(reactor, 0.05, print, "waited")
reactor.addSystemEventTrigger("before", "shutdown", wait)
reactor.callLater(0.01, reactor.stop)
reactor.run()
print("ended")
""",
            "waited",
            "ended",
        )

    def test_closesUnderAPushProducer(self):
        """
        A connection whose push producer may write ends when all is sent; the producer is told to stop, once.
        """
        self.prints(
            """
class Producer:
    def pauseProducing(self):
        print("pause")

    def resumeProducing(self):
        print("resume")

    def stopProducing(self):
        print("stop")

class Server(protocol.Protocol):
    def connectionMade(self):
        self.transport.registerProducer(Producer(), True)
        self.transport.write(b"x" * SIZE)
        self.transport.loseConnection()

    def connectionLost(self, reason):
        print(reason.type.__name__)

class Client(protocol.Protocol):
    received = 0

    def dataReceived(self, data):
        self.received += len(data)

    def connectionLost(self, reason):
        reactor.callLater(0.05, reactor.stop)
        reactor.addSystemEventTrigger("during", "shutdown", print, self.received)

connected(Server, Client)
reactor.callLater(5, reactor.stop)
reactor.run()
""".replace("SIZE", "10"),
            "stop",
            "ConnectionDone",
            "10",
        )

    def test_factoryThatRefuses(self):
        """
        A client for whom the factory of the port has no protocol is connected, and sees the end of file.
        """
        self.prints(
            """
class Client(protocol.Protocol):
    def connectionMade(self):
        print("made")

    def connectionLost(self, reason):
        print(reason.type.__name__)
        reactor.stop()

connected(lambda: None, Client)
reactor.run()
""",
            "made",
            "ConnectionDone",
        )

    def test_pausedConnectionIsNotWatched(self):
        """
        A paused connection with nothing to send is neither among the readers nor removed.
        """
        self.prints(
            """
class Paused(protocol.Protocol):
    def connectionMade(self):
        self.transport.pauseProducing()
        reactor.callLater(0.05, self.look)

    def look(self):
        print([found for found in reactor.getReaders() if found is self.transport])
        print([found for found in reactor.removeAll() if found is self.transport])
        reactor.stop()

connected(protocol.Protocol, Paused)
reactor.run()
""",
            "[]",
            "[]",
        )

    def test_numbersOfPorts(self):
        """
        A number that no port has is an error, and not taken by its last bits.
        """
        self.prints(
            """
for port in (-1, 65536, 70000):
    try:
        reactor.listenTCP(port, protocol.Factory.forProtocol(protocol.Protocol))
    except OverflowError:
        print("no port")
""",
            *["no port"] * 3,
        )
