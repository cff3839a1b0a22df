"""
Has C{twist --reactor=ropewalk} find the reactor.
"""

from twisted.application.reactors import Reactor

ropewalk = Reactor("ropewalk", "twisted.internet.ropewalkreactor", "Ropewalk's reactor, in Rust.")

ropewalk_asyncio = Reactor(
    "ropewalk-asyncio",
    "twisted.internet.ropewalkasyncioreactor",
    "Ropewalk's reactor, in Rust, with an event loop of asyncio.",
)
