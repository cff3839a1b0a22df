"""
The same, with an event loop of asyncio:
C{from twisted.internet import ropewalkasyncioreactor; ropewalkasyncioreactor.install()}.
"""

from ropewalk_twisted.asyncio_loop import RopewalkAsyncioReactor, install

__all__ = ["RopewalkAsyncioReactor", "install"]
