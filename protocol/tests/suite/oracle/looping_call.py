"""Lives of looping calls, and what Twisted 26.10 made of them: prints looping_call.tsv.

A script is a row of steps: `s4` starts with an interval of 4, `l4` does so later, `x` stops, `r`
resets, `i3` changes the interval, `a9` lets 9 pass, `w`, `e` and `q` say what the next run does: it
waits, it fails, it stops. `f` fires what is waited for, `b` breaks it. Time is counted in quarters
of a second, which floating point numbers can say. The outcome has `9*2` for a run at 9 that was told
of 2 ticks, `done`, `failed`, and `no` for a step that was refused.

Left out is what differs on purpose: starting it again before its last run is over, resetting it
during a run, changing the interval while it does not run, and no interval at all. What Twisted has
counted before a start is made to be forgotten, which it is not by itself.
"""

import random

from twisted.internet import defer, task

QUARTER = 0.25


class Life:
    def __init__(self):
        self.clock = task.Clock()
        self.seen = []
        self.next = None
        self.waits = None
        self.call = task.LoopingCall.withCount(self.run)
        self.call.clock = self.clock

    def run(self, count):
        self.seen.append(f"{int(self.clock.seconds() / QUARTER)}*{count}")
        plan, self.next = self.next, None
        if plan == "w":
            self.waits = defer.Deferred()
            return self.waits
        if plan == "e":
            raise ValueError
        if plan == "q":
            self.call.stop()

    def start(self, interval, now):
        if not self.call.running:
            self.call._realLastTime = None
        self.call.start(interval * QUARTER, now).addCallbacks(
            lambda _: self.seen.append("done"), lambda _: self.seen.append("failed")
        )

    def step(self, step):
        verb, number = step[0], int(step[1:] or 0)
        try:
            if verb in "sl":
                self.start(number, verb == "s")
            elif verb == "x":
                self.call.stop()
            elif verb == "r":
                self.call.reset()
            elif verb == "i":
                self.call.interval = number * QUARTER
            elif verb == "a":
                self.clock.advance(number * QUARTER)
            elif verb in "weq":
                self.next = verb
            elif verb in "fb":
                waits, self.waits = self.waits, None
                waits.callback(None) if verb == "f" else waits.errback(ValueError())
        except AssertionError:
            self.seen.append("no")

    def may(self, verb):
        if verb in "fb":
            return self.waits is not None
        if verb in "sl":
            return self.waits is None
        if verb == "r":
            return self.waits is None
        if verb == "i":
            return self.call.running
        return True


def script(chance):
    life, steps = Life(), []
    for _ in range(chance.randint(6, 24)):
        verb = chance.choice("sllxrriiaaaaaaaaaaawwweqfffb")
        if life.may(verb):
            number = chance.randint(0, 12) if verb == "a" else chance.randint(1, 7)
            step = f"{verb}{number}" if verb in "slia" else verb
            steps.append(step)
            life.step(step)
    return " ".join(steps), " ".join(life.seen)


chance = random.Random(26.10)
for _ in range(600):
    print(*script(chance), sep="\t")
