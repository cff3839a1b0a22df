"""
The same, with an event loop of asyncio:
C{from twisted.internet import ropewalkasyncioreactor; ropewalkasyncioreactor.install()}.
"""

from twisted.internet.main import installReactor

from ropewalk_twisted.asyncio_loop import RopewalkAsyncioReactor


def install():
    """
    Makes it the reactor of this process, and its loop that of this thread.
    """
    installReactor(RopewalkAsyncioReactor())


__all__ = ["RopewalkAsyncioReactor", "install"]
