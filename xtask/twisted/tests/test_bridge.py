"""
What Twisted's own tests leave open, or state only now and then.
"""

import os
import resource
import socket

from zope.interface import implementedBy, providedBy
from zope.interface.verify import verifyObject

from twisted.internet import defer, error, protocol, reactor, task
from twisted.internet.epollreactor import EPollReactor
from twisted.python import log
from twisted.trial.unittest import TestCase


class _Waiting(protocol.Protocol):
    """
    Waits for its end.
    """

    def __init__(self, events, done):
        self.events = events
        self.done = done

    def connectionMade(self):
        self.events.append("made")

    def connectionLost(self, reason):
        self.events.append(reason.type.__name__)
        self.done.callback(None)


class _Client(protocol.ClientFactory):
    noisy = False

    def __init__(self, events):
        self.events = events
        self.done = defer.Deferred()

    def buildProtocol(self, peer):
        return _Waiting(self.events, self.done)

    def clientConnectionFailed(self, connector, reason):
        self.events.append(f"failed: {reason.value}")
        self.done.callback(None)


class _Declining(protocol.ServerFactory):
    def buildProtocol(self, peer):
        return None


class RefusalTests(TestCase):
    """
    Clients that a factory builds no protocol for.
    """

    @defer.inlineCallbacks
    def test_aDeclinedClientIsConnectedAndSeesTheEndOfFile(self):
        port = reactor.listenTCP(0, _Declining(), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        for _ in range(100):
            events = []
            client = _Client(events)
            reactor.connectTCP("127.0.0.1", port.getHost().port, client)
            yield client.done
            self.assertEqual(events, ["made", "ConnectionDone"])


class LogTests(TestCase):
    """
    What the reactor has to tell.
    """

    @defer.inlineCallbacks
    def test_aClientForWhomThereIsNoDescriptorIsToldInTheLog(self):
        port = reactor.listenTCP(0, protocol.ServerFactory(), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        told = defer.Deferred()

        def observe(event):
            text = log.textFromEventDict(event) or ""
            if ("EMFILE" in text or "could not accept" in text) and not told.called:
                told.callback(text)

        log.addObserver(observe)
        self.addCleanup(log.removeObserver, observe)
        client = socket.socket()
        self.addCleanup(client.close)
        client.setblocking(False)
        before = resource.getrlimit(resource.RLIMIT_NOFILE)

        def exhaust():
            # Once the reactor runs, which takes descriptors for the signals.
            free = os.dup(0)
            os.close(free)
            resource.setrlimit(resource.RLIMIT_NOFILE, (free, before[1]))
            client.connect_ex(("127.0.0.1", port.getHost().port))

        def restore(result):
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
            return result

        told.addBoth(restore)
        reactor.callLater(0, exhaust)
        yield told


class InterfaceTests(TestCase):
    """
    What the reactor says that it can do.
    """

    def test_theReactorDeclaresWhatEpollreactorDoesAndHasItsMethods(self):
        declared = set(providedBy(reactor))
        self.assertEqual(set(implementedBy(EPollReactor)) - declared, set())
        for interface in declared:
            verifyObject(interface, reactor)


class _Datagrams(protocol.DatagramProtocol):
    """
    Keeps what comes; C{wanted} tells when it has enough.
    """

    def __init__(self, wanted=1):
        self.wanted = wanted
        self.received = []
        self.refusals = 0
        self.done = defer.Deferred()

    def datagramReceived(self, datagram, addr):
        self.received.append((datagram, addr))
        if len(self.received) == self.wanted:
            self.done.callback(None)

    def connectionRefused(self):
        self.refusals += 1
        if self.refusals == 1:
            self.done.callback(None)


class DatagramTests(TestCase):
    """
    UDP ports.
    """

    def listen(self, protocol, interface="127.0.0.1", **options):
        port = reactor.listenUDP(0, protocol, interface=interface, **options)
        self.addCleanup(port.stopListening)
        return port

    @defer.inlineCallbacks
    def test_whatIsWrittenBeforeThePortStopsInTheSameCallArrives(self):
        receiver = _Datagrams(3)
        to = ("127.0.0.1", self.listen(receiver).getHost().port)
        sender = reactor.listenUDP(0, protocol.DatagramProtocol(), interface="127.0.0.1")
        for number in range(3):
            self.assertEqual(sender.write(b"%d" % number, to), 1)
        number = sender.getHost().port
        yield sender.stopListening()
        yield receiver.done
        expected = [(b"%d" % n, ("127.0.0.1", number)) for n in range(3)]
        self.assertEqual(receiver.received, expected)

    @defer.inlineCallbacks
    def test_theProtocolMayWriteAsItIsStarted(self):
        receiver = _Datagrams()
        to = ("::1", self.listen(receiver, "::1").getHost().port)

        class Starting(protocol.DatagramProtocol):
            def startProtocol(self):
                self.transport.write(b"at once", to)

        port = self.listen(Starting(), "::1")
        yield receiver.done
        self.assertEqual(receiver.received, [(b"at once", ("::1", port.getHost().port))])

    @defer.inlineCallbacks
    def test_aPortThatReadsNoMoreForAWhileLosesNothing(self):
        receiver = _Datagrams(100)
        port = self.listen(receiver)
        to = ("127.0.0.1", port.getHost().port)
        sender = self.listen(protocol.DatagramProtocol())
        port.stopReading()
        for number in range(100):
            sender.write(b"%d" % number, to)
        yield task.deferLater(reactor, 0.05)
        self.assertEqual(receiver.received, [])
        port.startReading()
        yield receiver.done
        self.assertEqual([int(datagram) for datagram, _ in receiver.received], list(range(100)))

    @defer.inlineCallbacks
    def test_anExceptionOfTheProtocolIsLoggedAndThePortGoesOn(self):
        class Raising(_Datagrams):
            def datagramReceived(self, datagram, addr):
                super().datagramReceived(datagram, addr)
                raise ZeroDivisionError("as asked")

        receiver = Raising(2)
        to = ("127.0.0.1", self.listen(receiver).getHost().port)
        sender = self.listen(protocol.DatagramProtocol())
        sender.write(b"one", to)
        sender.write(b"two", to)
        yield receiver.done
        yield task.deferLater(reactor, 0)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)

    @defer.inlineCallbacks
    def test_thePeerOfAConnectedPortRefuses(self):
        gone = reactor.listenUDP(0, protocol.DatagramProtocol(), interface="127.0.0.1")
        to = ("127.0.0.1", gone.getHost().port)
        yield gone.stopListening()
        asker = _Datagrams()
        port = self.listen(asker)
        port.connect(*to)
        for _ in range(3):
            port.write(b"is anybody there?")
        yield asker.done
        self.assertGreater(asker.refusals, 0)
        self.assertRaises(AssertionError, port.write, b"another", ("127.0.0.1", 9))

    def test_wrongArgumentsAreRaisedByTheWrite(self):
        port = self.listen(protocol.DatagramProtocol())
        self.assertRaises(error.InvalidAddressError, port.write, b"x", ("a.name", 9))
        self.assertRaises(error.InvalidAddressError, port.write, b"x", ("::1", 9))
        self.assertRaises(error.MessageLengthError, port.write, b"x" * 65508, ("127.0.0.1", 9))
        self.assertRaises(AssertionError, port.write, b"x")
        self.assertRaises(TypeError, port.write, "text", ("127.0.0.1", 9))

    @defer.inlineCallbacks
    def test_aDatagramLongerThanThePortTakesIsCut(self):
        receiver = _Datagrams()
        to = ("127.0.0.1", self.listen(receiver, maxPacketSize=10).getHost().port)
        self.listen(protocol.DatagramProtocol()).write(b"0123456789abc", to)
        yield receiver.done
        self.assertEqual(receiver.received[0][0], b"0123456789")
