"""
What Twisted's own tests leave open, or state only now and then.
"""

from zope.interface import implementedBy, providedBy
from zope.interface.verify import verifyObject

from twisted.internet import defer, protocol, reactor
from twisted.internet.epollreactor import EPollReactor
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


class InterfaceTests(TestCase):
    """
    What the reactor says that it can do.
    """

    def test_theReactorDeclaresWhatEpollreactorDoesAndHasItsMethods(self):
        declared = set(providedBy(reactor))
        self.assertEqual(set(implementedBy(EPollReactor)) - declared, set())
        for interface in declared:
            verifyObject(interface, reactor)
