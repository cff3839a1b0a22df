"""Plays scripts on Twisted's Deferred and says what was seen.

The first argument is a file with one script a line, in the words that `tests/script/mod.rs` writes.
On standard output there is one line for each: the events in their order, and then the errors that
nobody handled, sorted.

A row of a script has one Deferred. What our Deferred does not allow is not done here either: adding
to a Deferred that was given away, or from inside a callback that runs while it is being added;
waiting for what waits for oneself; pausing what runs. What ours does differently is done here as
ours does it, by one line each: a promise that was cancelled swallows what it is fired with, and
cancelling a Deferred whose canceller runs does nothing.
"""

import sys

from twisted.internet import defer
from twisted.logger import globalLogBeginner
from twisted.python.failure import Failure

FUEL = 200
THAWS = 8
ENDS = {"end", "pass", "return", "fired", "wait", "nothing", "fires", "answers"}

unhandled = []


class Boom(Exception):
    """The error of the scripts."""


def observe(event):
    failure = event.get("log_failure")
    if failure is not None:
        unhandled.append(words(failure))


def words(result):
    """A result as the traces have it."""
    if not isinstance(result, Failure):
        return f"ok {result}"
    if result.check(defer.CancelledError):
        return "cancelled 0"
    if result.check(Boom):
        return f"boom {result.value.args[0]}"
    return f"surprise {result!r}"


class Reader:
    """Makes lists of a script."""

    def __init__(self, text):
        self.words = iter(text.split())

    def word(self):
        return next(self.words)

    def number(self):
        return int(self.word())

    def outcome(self):
        rail, number = self.word(), self.number()
        return number if rail == "ok" else Failure(Boom(number))

    def script(self):
        cancellers = []
        while (word := self.word()) != "begin":
            assert word in ("plain", "canceller"), word
            cancellers.append(self.block() if word == "canceller" else None)
        return cancellers, self.ops()[0]

    def block(self):
        """Operations, and what is done at their end."""
        assert self.word() == "begin"
        ops, end = self.ops()
        if end in ("return", "fired", "fires", "answers"):
            return ops, (end, self.outcome())
        if end == "wait":
            return ops, (end, self.number())
        return ops, (end, None)

    def body(self):
        return (self.number(), *self.block())

    def ops(self):
        ops = []
        while (word := self.word()) not in ENDS:
            ops.append(self.op(word))
        return ops, word

    def op(self, word):
        if word in ("callback", "errback", "both"):
            return word, self.number(), self.body()
        if word == "pair":
            return word, self.number(), self.body(), self.body()
        if word == "fire":
            return word, self.number(), self.outcome()
        if word == "chain":
            return word, self.number(), self.number()
        assert word in ("cancel", "freeze", "thaw", "look", "drop"), word
        return word, self.number()


class Row:
    """A Deferred and what became of it."""

    def __init__(self, deferred):
        self.deferred = deferred
        self.held = True
        self.dropped = False
        self.adding = False
        self.promised = True
        self.frozen = 0
        self.running = 0
        self.cancelling = False

    def free(self):
        """Whether something can be added to it."""
        return self.held and not self.adding


class Player:
    """Does what a script says."""

    def __init__(self, cancellers, trace):
        self.trace = trace
        self.fuel = FUEL
        self.rows = []
        for number, canceller in enumerate(cancellers):
            if canceller is None:
                deferred = defer.Deferred()
            else:
                deferred = defer.Deferred(self.canceller(number, *canceller))
            self.rows.append(Row(deferred))

    def play(self, ops):
        for op in ops:
            if self.fuel > 0:
                self.fuel -= 1
                getattr(self, op[0])(*op[1:])

    def end(self):
        """Fires what was not fired, thaws what is frozen, and looks."""
        for number in range(len(self.rows)):
            self.look(number)
        for number in range(len(self.rows)):
            self.fire(number, number)
        for _ in range(THAWS):
            for number, row in enumerate(self.rows):
                while row.frozen:
                    self.thaw(number)
        for number in range(len(self.rows)):
            self.look(number)

    def canceller(self, number, ops, then):
        def cancel(deferred):
            row = self.rows[number]
            self.trace.append(f"cancelling {number}")
            row.cancelling = True
            self.play(ops)
            if then[0] == "fires":
                self.fire(number, then[1])
            elif then[0] == "answers":
                self.settle(deferred, then[1])
            row.cancelling = False

        return cancel

    def called(self, number, body):
        """A callback of a row."""
        name, ops, then = body

        def call(result):
            row = self.rows[number]
            self.trace.append(f"called {name} {words(result)}")
            row.running += 1
            self.play(ops)
            row.running -= 1
            if then[0] == "return":
                return then[1]
            if then[0] == "fired":
                failed = isinstance(then[1], Failure)
                return defer.fail(then[1]) if failed else defer.succeed(then[1])
            if then[0] == "wait":
                other = self.rows[then[1]]
                if then[1] > number and other.running == 0 and other.free():
                    other.held = False
                    return other.deferred
            return result

        return call

    def add(self, number, method, *bodies):
        row = self.rows[number]
        if row.free():
            row.adding = True
            getattr(row.deferred, method)(*(self.called(number, body) for body in bodies))
            row.adding = False

    def callback(self, number, body):
        self.add(number, "addCallback", body)

    def errback(self, number, body):
        self.add(number, "addErrback", body)

    def both(self, number, body):
        self.add(number, "addBoth", body)

    def pair(self, number, callback, errback):
        self.add(number, "addCallbacks", callback, errback)

    def fire(self, number, outcome):
        row = self.rows[number]
        if row.promised:
            row.promised = False
            self.settle(row.deferred, outcome)

    def settle(self, deferred, outcome):
        if deferred.called:
            return  # It was cancelled, and here that swallows whatever comes later.
        if isinstance(outcome, Failure):
            deferred.errback(outcome)
        else:
            deferred.callback(outcome)

    def chain(self, number, to):
        row, other = self.rows[number], self.rows[to]
        if row.free() and other.promised and number > to and row.running == 0:
            row.held = False
            other.promised = False
            row.deferred.addBoth(lambda result: self.settle(other.deferred, result))

    def cancel(self, number):
        row = self.rows[number]
        if row.dropped or self.is_being_cancelled(row.deferred):
            return
        row.deferred.cancel()

    def is_being_cancelled(self, deferred):
        while deferred.called and isinstance(deferred.result, defer.Deferred):
            deferred = deferred.result
        return not deferred.called and any(
            row.cancelling and row.deferred is deferred for row in self.rows
        )

    def freeze(self, number):
        row = self.rows[number]
        if row.running == 0 and not row.dropped:
            row.frozen += 1
            row.deferred.pause()

    def thaw(self, number):
        row = self.rows[number]
        if row.frozen > 0:
            row.frozen -= 1
            row.deferred.unpause()

    def look(self, number):
        row = self.rows[number]
        shown = "given"
        if row.free():
            result = getattr(row.deferred, "result", row.deferred)
            waits = isinstance(result, defer.Deferred)
            pending = waits or row.deferred.paused or row.running
            shown = "pending" if pending else words(result)
        self.trace.append(f"looked {number} {shown}")

    def drop(self, number):
        row = self.rows[number]
        if row.free():
            row.held = False
            row.dropped = True


def play(text):
    """What a script shows."""
    trace = []
    cancellers, ops = Reader(text).script()
    player = Player(cancellers, trace)
    player.play(ops)
    player.end()
    # Twisted tells of errors when it frees their Deferreds, and that is now.
    for row in player.rows:
        row.deferred = None
    trace.extend(f"unhandled {error}" for error in sorted(unhandled))
    unhandled.clear()
    return ";".join(trace)


def main():
    globalLogBeginner.beginLoggingTo([observe], discardBuffer=True, redirectStandardIO=False)
    with open(sys.argv[1]) as scripts:
        for text in scripts:
            print(play(text))


main()
