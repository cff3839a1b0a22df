"""
Connectors: what begins a client's connection, and may begin it again.
"""

import socket

from zope.interface import implementer

from twisted.internet import error, interfaces
from twisted.internet.abstract import isIPv6Address
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.base import BaseConnector

from ropewalk_twisted.addresses import local
from ropewalk_twisted.bindings import makeBinding
from ropewalk_twisted.clients import TCPClient, UNIXClient


@implementer(interfaces.IConnector)
class TCPConnector(BaseConnector):
    """
    Connects over TCP.
    """

    def __init__(self, host, port, factory, timeout, bindAddress, reactor):
        if isinstance(port, str):
            try:
                port = socket.getservbyname(port, "tcp")
            except OSError as why:
                raise error.ServiceNameUnknownError(string=f"{why} ({port!r})") from None
        self.host, self.port = host, port
        self.bindAddress = bindAddress
        BaseConnector.__init__(self, factory, timeout, reactor)

    def boundTo(self):
        """
        The local address, as the bridge takes it, if one is asked for, and whether its address and its
        port may be shared.
        """
        bound = self.bindAddress
        if bound is None:
            return None, (False, False)
        if isinstance(bound, tuple):
            bound = makeBinding(*bound)
        reuse = bound._reuseAddress, bound._reusePort
        return local(bound._address, bound._port), reuse

    def _makeTransport(self):
        return TCPClient(self.reactor._core, self.reactor, self)

    def getDestination(self):
        address = IPv6Address if isIPv6Address(self.host) else IPv4Address
        return address("TCP", self.host, self.port)


@implementer(interfaces.IConnector)
class UNIXConnector(BaseConnector):
    """
    Connects over a UNIX socket.
    """

    def __init__(self, address, factory, timeout, reactor, checkPID):
        self.address = address
        self.checkPID = checkPID
        BaseConnector.__init__(self, factory, timeout, reactor)

    def _makeTransport(self):
        return UNIXClient(self.reactor._core, self.reactor, self)

    def getDestination(self):
        return UNIXAddress(self.address)
