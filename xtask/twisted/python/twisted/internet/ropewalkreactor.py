"""
Ropewalk's reactor under the name that Twisted's programs install one by:
C{from twisted.internet import ropewalkreactor; ropewalkreactor.install()}.
"""

from twisted.internet.main import installReactor

from ropewalk_twisted.reactor import RopewalkReactor


def install():
    """
    Makes it the reactor of this process.
    """
    installReactor(RopewalkReactor())


__all__ = ["RopewalkReactor", "install"]
