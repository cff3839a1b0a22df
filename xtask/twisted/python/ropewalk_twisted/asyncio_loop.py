"""
An event loop of asyncio on the reactor, for programs that use both; what
C{twisted.internet.asyncioreactor} is to asyncio's own loops.

The loop is asyncio's, and where it waits it has the reactor take a turn. So the two never wait for one
another, and neither polls.
"""

import asyncio
import selectors

from ropewalk_twisted.reactor import RopewalkReactor


class _Descriptor:
    """
    A descriptor that the loop watches, as the reactor sees it.

    @ivar key: The selector's key.
    @ivar ready: The events that this turn has found.
    """

    def __init__(self, selector, key):
        self._selector = selector
        self.key = key
        self.ready = 0

    def fileno(self):
        return self.key.fd

    def logPrefix(self):
        return "asyncio"

    def doRead(self):
        self._selector._note(self, selectors.EVENT_READ)

    def doWrite(self):
        self._selector._note(self, selectors.EVENT_WRITE)

    def connectionLost(self, reason):
        """
        The descriptor broke, or was closed without being unregistered. Whoever reads or writes it gets
        the error.
        """
        self._selector._note(self, self.key.events)


class _Selector(selectors._BaseSelectorImpl):
    """
    What the loop waits with: a turn of the reactor.
    """

    def __init__(self, reactor):
        super().__init__()
        self._reactor = reactor
        self._descriptors = {}
        self._found = []

    def register(self, fileobj, events, data=None):
        key = super().register(fileobj, events, data)
        descriptor = self._descriptors[key.fd] = _Descriptor(self, key)
        self._watch(descriptor, events)
        return key

    def unregister(self, fileobj):
        key = super().unregister(fileobj)
        self._watch(self._descriptors.pop(key.fd), 0)
        return key

    def modify(self, fileobj, events, data=None):
        key = self._fd_to_key[self._fileobj_lookup(fileobj)]
        key = key._replace(events=events, data=data)
        self._fd_to_key[key.fd] = key
        descriptor = self._descriptors[key.fd]
        descriptor.key = key
        self._watch(descriptor, events)
        return key

    def _watch(self, descriptor, events):
        reactor = self._reactor
        if events & selectors.EVENT_READ:
            reactor.addReader(descriptor)
        else:
            reactor.removeReader(descriptor)
        if events & selectors.EVENT_WRITE:
            reactor.addWriter(descriptor)
        else:
            reactor.removeWriter(descriptor)

    def _note(self, descriptor, event):
        if not descriptor.ready:
            self._found.append(descriptor)
        descriptor.ready |= event

    def select(self, timeout=None):
        # Where a turn outside of the loop has found something, this one does not wait.
        self._reactor._turnOfLoop(0 if self._found else timeout)
        found, self._found = self._found, []
        events = []
        for descriptor in found:
            ready, descriptor.ready = descriptor.ready & descriptor.key.events, 0
            if ready and self._descriptors.get(descriptor.key.fd) is descriptor:
                events.append((descriptor.key, ready))
        return events


class _Loop(asyncio.SelectorEventLoop):
    """
    An event loop that waits in turns of the reactor. A turn in which the loop got work waits no longer, for
    the loop knows nothing of it until the turn is over.
    """

    def __init__(self, reactor):
        self._reactor = reactor
        super().__init__(_Selector(reactor))

    def call_soon(self, callback, *args, context=None):
        self._reactor._loopHasWork()
        return super().call_soon(callback, *args, context=context)

    def call_at(self, when, callback, *args, context=None):
        self._reactor._loopHasWork()
        return super().call_at(when, callback, *args, context=context)


class RopewalkAsyncioReactor(RopewalkReactor):
    """
    The reactor, with an event loop of asyncio that runs as it runs: C{Deferred.asFuture(loop)},
    C{Deferred.fromFuture}, and libraries of asyncio work.

    @ivar _waits: The loop waits in a turn, and was given nothing to do yet.
    """

    __module__ = "twisted.internet.ropewalkasyncioreactor"

    _waits = False

    def __init__(self):
        RopewalkReactor.__init__(self)
        loop = _Loop(self)
        self._asyncioEventloop = loop
        # The loop's own wake-up is not what the reactor closes when it is emptied.
        self._internalReaders.update(loop._selector._descriptors.values())
        asyncio.set_event_loop(loop)

    def mainLoop(self):
        """
        Runs the loop, and it the turns, until the reactor is stopped or crashes.
        """
        while self._started:
            self._asyncioEventloop.run_forever()

    def _turnOfLoop(self, timeout):
        """
        What the loop waits by.
        """
        if self._justStopped:
            self.runUntilCurrent()
        elif self._started:
            self._waits = True
            try:
                self.doIteration(timeout)
            finally:
                self._waits = False
        if not self._started:
            self._asyncioEventloop.stop()

    def _loopHasWork(self):
        if self._waits:
            self._waits = False
            self.wakeUp()


__all__ = ["RopewalkAsyncioReactor"]
