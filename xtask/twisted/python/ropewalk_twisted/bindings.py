"""
Local addresses with their options: Twisted's C{Binding}, where this Twisted has it.
"""

from collections import namedtuple

try:
    from twisted.internet.interfaces import _Binding
    from twisted.internet.tcp import makeBinding
except ImportError:
    _Binding = namedtuple("_Binding", "_address _port _reuseAddress _reusePort")

    def makeBinding(interface="", port=0, reuseAddress=False, reusePort=False):
        """
        A local address.
        """
        return _Binding(interface, port, reuseAddress, reusePort)


def listeningBinding(port, interface):
    """
    Where to listen: the port is a number or a binding.

    @raise ValueError: Both a binding and another interface were given.
    """
    if not isinstance(port, _Binding):
        return makeBinding(interface, port, reuseAddress=True)
    if interface not in ("", port._address):
        raise ValueError(f"the binding says {port._address!r}, and the interface {interface!r}")
    return port


__all__ = ["listeningBinding", "makeBinding"]
