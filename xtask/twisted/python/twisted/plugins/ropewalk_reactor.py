"""
Has C{twist --reactor=ropewalk} find the reactor.
"""

from twisted.application.reactors import Reactor

ropewalk = Reactor("ropewalk", "twisted.internet.ropewalkreactor", "Ropewalk's reactor, in Rust.")
