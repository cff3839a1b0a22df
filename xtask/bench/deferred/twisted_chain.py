"""Prints the nanoseconds that a chain of ten callbacks on Twisted's Deferred takes, built and fired."""

from time import perf_counter_ns

from twisted.internet.defer import Deferred

LINKS = 10
CHAINS = 20_000
SAMPLES = 20


def add_one(number):
    return number + 1


def chain():
    deferred = Deferred()
    for _ in range(LINKS):
        deferred.addCallback(add_one)
    deferred.callback(0)
    return deferred.result


def sample():
    begin = perf_counter_ns()
    for _ in range(CHAINS):
        chain()
    return (perf_counter_ns() - begin) / CHAINS


assert chain() == LINKS
for _ in range(SAMPLES):
    print(sample())
