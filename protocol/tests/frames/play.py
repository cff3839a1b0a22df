"""Plays streams on Twisted's receivers and says what was seen.

The first argument is a file with one stream a line, in the words that `stream.rs` writes. On standard
output there is one line for each: the events in their order, and the state of the connection at the end.

What ours does differently on purpose is done here as ours does it: nothing is seen after a close, what a
callback put back is looked at before the next piece comes, a line feed behind the digits of a netstring's
length is refused when it comes, and a wrong string closes the connection. With `--as-is` before the file, that
is left to Twisted.
"""

import sys

from twisted.internet.testing import StringTransport
from twisted.protocols import basic, stateful


class Seen:
    """What a receiver does with what it is given: the first byte of a frame says it."""

    as_is = False

    def prepare(self, stream):
        self.events = []
        self.policy = stream.policy
        self.raw_left = 0

    def see(self, kind, data):
        if not self.as_is and self.transport.disconnecting:
            return False
        self.events.append(kind + (data if isinstance(data, str) else data.hex()))
        return True

    def react(self, kind, frame):
        if not self.see(kind, frame):
            return
        verb = frame[:1]
        if verb == b"Q":
            self.transport.loseConnection()
        elif verb == b"P":
            self.pauseProducing()
        elif verb == b"U":
            self.pauseProducing()
            self.resumeProducing()
        elif verb in (b"W", b"V"):
            if verb == b"V":
                self.pauseProducing()
            self.raw_left = frame[1] % 8 if len(frame) > 1 else 1
            self.setRawMode()
        elif verb == b"I":
            self.dataReceived(b"inj\r\n")
        elif verb == b"E":
            raise ZeroDivisionError
        elif verb == b"Y":
            return "why"

    def lineReceived(self, line):
        return self.react("L", line)

    def stringReceived(self, string):
        return self.react("S", string)

    def rawDataReceived(self, data):
        if self.see("R", data):
            used = min(self.raw_left, len(data))
            self.raw_left -= used
            if self.raw_left == 0:
                self.setLineMode(data[used:])

    def lineLengthExceeded(self, line):
        if not self.see("X", line):
            return
        if self.policy == "close":
            self.transport.loseConnection()
        elif self.policy == "skip":
            self.setLineMode(line[self.MAX_LENGTH + len(self.delimiter) :])

    def lengthLimitExceeded(self, length):
        self.see("X", str(length))
        if self.policy == "close" or not self.as_is:
            self.transport.loseConnection()


class Pieces(stateful.StatefulProtocol):
    """A length, and as many bytes."""

    def getInitialState(self):
        return self.length, 1

    def length(self, data):
        self.react("S", data)
        return self.piece, data[0] % 7

    def piece(self, data):
        self.see("S", data)
        return self.length, 1


def kind(base):
    return type(base.__name__, (Seen, base), {})


KINDS = {
    "line": kind(basic.LineReceiver),
    "lineonly": kind(basic.LineOnlyReceiver),
    "netstring": kind(basic.NetstringReceiver),
    "int8": kind(basic.Int8StringReceiver),
    "int16": kind(basic.Int16StringReceiver),
    "int32": kind(basic.Int32StringReceiver),
    "stateful": kind(Pieces),
}


class Stream:
    """One line of the file."""

    def __init__(self, text):
        self.kind, delimiter, maximum, self.policy, *self.steps = text.split()
        self.delimiter = bytes.fromhex(delimiter)
        self.maximum = int(maximum)


def step(receiver, word):
    try:
        if word == "+":
            if not receiver.transport.disconnecting:
                receiver.resumeProducing()
        else:
            receiver.dataReceived(b"" if word == "." else bytes.fromhex(word))
    except (ZeroDivisionError, ValueError):
        receiver.events.append("!")


def settle(receiver):
    """Has it look at what it put back, or has not refused yet."""
    if isinstance(receiver, basic.NetstringReceiver):
        length = receiver._state == receiver._PARSING_LENGTH
        if length and receiver._remainingData.endswith(b"\n"):
            receiver.transport.loseConnection()
        return
    before = None
    while before != len(receiver.events):
        before = len(receiver.events)
        receiver.dataReceived(b"")


def play(stream):
    receiver = KINDS[stream.kind]()
    receiver.delimiter = stream.delimiter
    receiver.MAX_LENGTH = stream.maximum
    receiver.prepare(stream)
    receiver.makeConnection(StringTransport())
    for word in stream.steps:
        step(receiver, word)
        if not Seen.as_is and stream.kind in ("line", "netstring"):
            settle(receiver)
    state = "closing" if receiver.transport.disconnecting else receiver.transport.producerState
    words = {"producing": "open", "paused": "paused", "closing": "closing"}
    return " ".join([*receiver.events, words[state]])


def main(arguments):
    Seen.as_is = "--as-is" in arguments
    with open(arguments[-1]) as streams:
        for text in streams:
            print(play(Stream(text)))


main(sys.argv[1:])
