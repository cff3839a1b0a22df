"""
Connections that a connector makes.
"""

import os

from twisted.internet import error
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure

from ropewalk_twisted.addresses import numeric, unixName
from ropewalk_twisted.connections import Connection, UNIXMixin, logPrefixOf, mayBeOverTLS


class Client(Connection):
    """
    A connection that a connector makes.
    """

    _tlsClientDefault = True
    _attempt = None

    def __init__(self, core, reactor, connector):
        Connection.__init__(self, core, reactor)
        self.connector = connector
        self.core = core
        reactor._streams.add(self)
        self._begin()

    def __repr__(self):
        return f"<{type(self)} to {self._target()} at {id(self):x}>"

    def _begin(self):
        try:
            self._attempt = self._connect()
        except OSError as failed:
            self._failed(failed.errno, str(failed), False)

    def _failed(self, number, text, isLocal):
        if number and isLocal:
            self._fail(error.ConnectBindError(number, os.strerror(number)))
            return
        why = (number, os.strerror(number)) if number else text
        self._fail(error.getConnectError(why))

    def _fail(self, why):
        # What fails at once fails when the connector is returned.
        self.reactor.callLater(0, self.failIfNotConnected, why)

    def _begun(self):
        self.protocol = protocol = self.connector.buildProtocol(self.getPeer())
        if protocol is None:
            self.protocol = Protocol()
            self.loseConnection()
            return
        self.logstr = logPrefixOf(protocol) + ",client"
        protocol.makeConnection(self)

    def failIfNotConnected(self, why):
        """
        Gives the attempt up, unless it has succeeded, and tells the connector.
        """
        connector = self.connector
        if self.connected or self.disconnected or connector is None:
            return
        self.reactor._streams.discard(self)
        self.connector, self.disconnected = None, 1
        if self._attempt is not None:
            self._attempt.cancel()
        connector.connectionFailed(why if isinstance(why, Failure) else Failure(why))

    def connectionLost(self, reason):
        if not self.connected:
            self.failIfNotConnected(reason)
            return
        Connection.connectionLost(self, reason)
        self.connector.connectionLost(reason)


class TCPClient(Client):
    """
    A connection over TCP that a connector makes.
    """

    def _target(self):
        return self.addr

    def _begin(self):
        host, port = self.addr = self.connector.host, self.connector.port
        if not 0 <= port <= 65535:
            self._fail(OverflowError(f"port must be 0-65535, not {port}"))
        elif isIPAddress(host) or isIPv6Address(host):
            self._address = numeric(host, port)
            Client._begin(self)
        else:
            looked = self.reactor.resolve(host)
            looked.addCallback(self._resolved)
            looked.addErrback(self.failIfNotConnected)

    def _resolved(self, host):
        if self.connector is not None:
            self._address = numeric(host, self.connector.port)
            Client._begin(self)

    def _connect(self):
        address, reuse = self.connector.boundTo()
        return self.core.connect_tcp(self._address, address, reuse, self)


class UNIXClient(UNIXMixin, Client):
    """
    A connection over a UNIX socket that a connector makes.
    """

    def _target(self):
        return self.connector and self.connector.address

    def _connect(self):
        connector = self.connector
        return self.core.connect_unix(unixName(connector.address), bool(connector.checkPID), self)


mayBeOverTLS(TCPClient)
mayBeOverTLS(UNIXClient)
