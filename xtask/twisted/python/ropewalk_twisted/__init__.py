"""
Ropewalk's reactor for Twisted.

C{from twisted.internet import ropewalkreactor; ropewalkreactor.install()} before anything imports
C{twisted.internet.reactor}, or C{twist --reactor=ropewalk}.
"""
