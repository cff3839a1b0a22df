"""
Addresses between Twisted and the bridge.

The bridge has tuples: C{("ip4", host, port)}, C{("ip6", host, port, flow, scope)}, C{("unix", name)}; it
takes C{(host, port, flow, scope)} for an IP address.
"""

import socket
import sys
from os import fsencode

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress

_NUMERIC = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
_NUMERIC_NAME = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV


def toTwisted(address):
    """
    The bridge's address as Twisted's.
    """
    kind, *parts = address
    if kind == "ip4":
        return IPv4Address("TCP", *parts)
    if kind == "ip6":
        host, port, flow, scope = parts
        if scope:
            # With the name of the interface, as in fe80::1%eth0.
            host = socket.getnameinfo((host, port, flow, scope), _NUMERIC_NAME)[0]
        return IPv6Address("TCP", host, port, flow, scope)
    return UNIXAddress(parts[0])


def numeric(host, port):
    """
    A numeric host, which may have a zone, and a port as the bridge takes them.

    @raise OSError: It is not numeric, or there is no such zone.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=_NUMERIC)
    return _four(found[0][4])


def local(interface, port):
    """
    An interface to listen on or to connect from, by address or name; C{""} is all of IPv4.

    @raise OSError: There is none of that name.
    @raise OverflowError: The number of the port is none.
    """
    if not 0 <= port <= 65535:
        raise OverflowError(f"port must be 0-65535, not {port}")
    if not interface:
        interface = "0.0.0.0"
    found = socket.getaddrinfo(interface, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return _four(found[0][4])


def _four(address):
    host, port, *rest = address
    flow, scope = rest or (0, 0)
    return host, port, flow, scope


def unixName(name):
    """
    The name of a UNIX socket as bytes; an abstract one begins with a NUL byte.
    """
    if isinstance(name, str):
        return name.encode(sys.getfilesystemencoding()) if name[:1] == "\0" else fsencode(name)
    return fsencode(name)
