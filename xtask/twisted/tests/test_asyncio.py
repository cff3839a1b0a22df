"""
Libraries of asyncio beside Twisted's protocols, on a reactor that has an event loop.
"""

import asyncio
import os
import sys

from twisted.internet import defer, protocol, reactor, task
from twisted.trial.unittest import TestCase


def _awaited(coroutine):
    """
    The Deferred of a coroutine that awaits asyncio's futures.
    """
    loop = asyncio.get_event_loop_policy().get_event_loop()
    return defer.Deferred.fromFuture(asyncio.ensure_future(coroutine, loop=loop))


class AsyncioTests(TestCase):
    """
    What is asyncio's runs between the turns of the reactor.
    """

    def test_aSleepEndsInItsTime(self):
        before = reactor.seconds()
        done = _awaited(asyncio.sleep(0.05, "slept"))

        def check(result):
            self.assertEqual(result, "slept")
            self.assertTrue(0.05 <= reactor.seconds() - before < 5)

        return done.addCallback(check)

    def test_aDeferredIsAwaitedAsAFuture(self):
        async def main():
            loop = asyncio.get_running_loop()
            return await task.deferLater(reactor, 0.01, lambda: "later").asFuture(loop)

        return _awaited(main()).addCallback(self.assertEqual, "later")

    def test_aFutureOfAFailureRaises(self):
        async def main():
            loop = asyncio.get_running_loop()
            with self.assertRaises(ZeroDivisionError):
                await defer.fail(ZeroDivisionError()).asFuture(loop)

        return _awaited(main())

    def test_aClientOfAsyncioTalksToAServerOfTwisted(self):
        class Echo(protocol.Protocol):
            def dataReceived(self, data):
                self.transport.write(data)

            def connectionLost(self, reason):
                lost.callback(None)

        lost = defer.Deferred()
        port = reactor.listenTCP(0, protocol.ServerFactory.forProtocol(Echo), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        sent = os.urandom(1 << 20)

        async def main():
            reader, writer = await asyncio.open_connection("127.0.0.1", port.getHost().port)
            writer.write(sent)
            received = await reader.readexactly(len(sent))
            writer.close()
            await writer.wait_closed()
            return received

        def check(received):
            self.assertEqual(received, sent)
            return lost

        return _awaited(main()).addCallback(check)

    def test_aServerOfAsyncioServesAClientOfTwisted(self):
        async def serve(reader, writer):
            writer.write((await reader.readline()).upper())
            writer.close()

        class Asking(protocol.Protocol):
            received = b""

            def connectionMade(self):
                self.transport.write(b"a line\n")

            def dataReceived(self, data):
                self.received += data

            def connectionLost(self, reason):
                done.callback(self.received)

        done = defer.Deferred()

        async def main():
            server = await asyncio.start_server(serve, "127.0.0.1", 0)
            number = server.sockets[0].getsockname()[1]
            reactor.connectTCP("127.0.0.1", number, protocol.ClientFactory.forProtocol(Asking))
            received = await done.asFuture(asyncio.get_running_loop())
            server.close()
            await server.wait_closed()
            return received

        return _awaited(main()).addCallback(self.assertEqual, b"A LINE\n")

    def test_aThreadOfAsynciosPoolAnswers(self):
        async def main():
            return await asyncio.get_running_loop().run_in_executor(None, lambda: 41 + 1)

        return _awaited(main()).addCallback(self.assertEqual, 42)

    def test_aPipeThatIsAlwaysWritableDoesNotKeepTheReactorFromItsTimers(self):
        loop = asyncio.get_event_loop_policy().get_event_loop()
        reading, writing = os.pipe()
        calls = []
        loop.add_writer(writing, calls.append, None)

        def check(_):
            loop.remove_writer(writing)
            os.close(reading)
            os.close(writing)
            self.assertGreater(len(calls), 1)

        return task.deferLater(reactor, 0.05).addCallback(check)

    def test_aDescriptorThatIsClosedAndOpenedAnewIsWatchedAnew(self):
        loop = asyncio.get_event_loop_policy().get_event_loop()

        async def main():
            for _ in range(3):
                reading, writing = os.pipe()
                got = loop.create_future()
                loop.add_reader(reading, got.set_result, None)
                os.write(writing, b"x")
                await got
                loop.remove_reader(reading)
                os.close(reading)
                os.close(writing)

        return _awaited(main())

    def test_childrenOfBothAreReaped(self):
        async def main():
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-c", "print('hello')", stdout=asyncio.subprocess.PIPE
            )
            printed, _ = await child.communicate()
            return printed, child.returncode

        return _awaited(main()).addCallback(self.assertEqual, (b"hello\n", 0))
