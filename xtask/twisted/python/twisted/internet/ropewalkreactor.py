"""
Ropewalk's reactor under the name that Twisted's programs install one by:
C{from twisted.internet import ropewalkreactor; ropewalkreactor.install()}.
"""

from ropewalk_twisted.reactor import RopewalkReactor, install

__all__ = ["RopewalkReactor", "install"]
