"""Asks Twisted what DeferredList, gatherResults and race do, and prints it as a table.

    python3 -m venv venv && venv/bin/pip install twisted==26.10.0
    venv/bin/python deferred_list.py 1500 > deferred_list.tsv

A row is one life of a list: what it is, its members, the steps, and the trace of what happened.

    what      list (c: fireOnOneCallback, e: fireOnOneErrback), gather or race; all consume errors
    members   s: has succeeded, f: has failed, p: pending, c: its canceller chooses a value,
              w: its errback answers a cancellation by waiting for something else
    steps     1+ or 1-: member 1 succeeds or fails, x: the list is cancelled
    trace     1+: begins that step, x1 is member 1's canceller, = is the result of the list

Without a number all lives of up to three members are printed, otherwise so many of them, and all
the shortest.
"""

import itertools
import random
import sys

from twisted.internet.defer import (
    AlreadyCalledError,
    CancelledError,
    Deferred,
    DeferredList,
    FailureGroup,
    FirstError,
    fail,
    gatherResults,
    race,
    succeed,
)


class Boom(Exception):
    pass


class Member:
    def __init__(self, kind, index, trace):
        self.index = index
        self.fires = Deferred(self.cancel)
        self.kind = kind
        self.trace = trace
        self.deferred = self.fires
        if kind == "s":
            self.deferred = succeed(str(index))
        elif kind == "f":
            self.deferred = fail(Boom(index))
        elif kind == "w":
            self.deferred.addErrback(self.wait)

    def cancel(self, deferred):
        self.trace.append(f"x{self.index}")
        if self.kind == "c":
            deferred.callback(f"c{self.index}")

    def wait(self, failure):
        if not failure.check(CancelledError):
            return failure
        self.fires = Deferred()
        return self.fires

    def fire(self, sign):
        try:
            if sign == "+":
                self.fires.callback(str(self.index))
            else:
                self.fires.errback(Boom(self.index))
        except AlreadyCalledError:
            pass


def error_text(failure):
    error = failure.value
    if isinstance(error, Boom):
        return f"!{error}"
    if isinstance(error, CancelledError):
        return "!x"
    if isinstance(error, FirstError):
        return f"first {error.index} {error_text(error.subFailure)}"
    if isinstance(error, FailureGroup):
        return "group " + " ".join(map(error_text, error.failures))
    raise AssertionError(error)


def value_text(what, value):
    if what == "gather":
        return " ".join(["all", *value])
    if what == "race":
        return f"one {value[0]} {value[1]}"
    if isinstance(value, tuple):
        return f"one {value[1]} {value[0]}"
    return " ".join(["all", *(v if ok else error_text(v) for ok, v in value)])


def start(what, members):
    if what == "gather":
        return gatherResults(members, consumeErrors=True)
    if what == "race":
        return race(members)
    return DeferredList(
        members,
        fireOnOneCallback="c" in what[4:],
        fireOnOneErrback="e" in what[4:],
        consumeErrors=True,
    )


def live(what, kinds, steps):
    trace = []
    members = [Member(kind, index, trace) for index, kind in enumerate(kinds)]
    result = start(what, [member.deferred for member in members])
    result.addCallbacks(
        lambda value: trace.append("= " + value_text(what, value)),
        lambda failure: trace.append("= " + error_text(failure)),
    )
    for step in steps:
        trace.append(step + ":")
        if step == "x":
            result.cancel()
        else:
            members[int(step[0])].fire(step[1])
    return "|".join(trace)


def lives():
    whats = ["list", "listc", "liste", "listce", "gather", "race"]
    for what, count in itertools.product(whats, range(4)):
        for kinds in itertools.product("sfpcw", repeat=count):
            pending = [index for index, kind in enumerate(kinds) if kind in "pcw"]
            for order in itertools.permutations(pending):
                for signs in itertools.product("+-", repeat=len(pending)):
                    fires = [f"{index}{sign}" for index, sign in zip(order, signs)]
                    yield what, kinds, fires
                    for at in range(len(fires) + 1):
                        yield what, kinds, [*fires[:at], "x", *fires[at:]]


def main():
    chosen = list(lives())
    if len(sys.argv) > 1:
        random.seed(26)
        short = [life for life in chosen if len(life[1]) < 2]
        chosen = short + random.sample(chosen, int(sys.argv[1]))
    for what, kinds, steps in sorted({(w, "".join(k), " ".join(s)) for w, k, s in chosen}):
        print(what, kinds, steps, live(what, kinds, steps.split()), sep="\t")


main()
