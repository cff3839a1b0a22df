"""
A Klein application that treq queries, both on one reactor; prints a line of JSON for each answer, as run_suites.py
does for tests.

C{klein_and_treq.py ours|control}
"""

import importlib
import json
import os
import sys

REACTORS = {"ours": "ropewalkreactor", "control": "epollreactor"}

LARGE = bytes(range(256)) * 8192


def application():
    """
    The application: plain answers, deferred ones, errors, redirects, uploads and large bodies.
    """
    from klein import Klein
    from twisted.internet import reactor, task

    app = Klein()

    @app.route("/")
    def home(request):
        return "home"

    @app.route("/echo", methods=["POST"])
    def echo(request):
        return request.content.read()

    @app.route("/later/<int:number>")
    async def later(request, number):
        await task.deferLater(reactor, 0.01)
        return str(number * number)

    @app.route("/large")
    def large(request):
        return LARGE

    @app.route("/moved")
    def moved(request):
        request.redirect(b"/")
        return b""

    @app.route("/raises")
    def raises(request):
        raise KeyError("of the application")

    @app.route("/part")
    def part(request):
        request.setHeader(b"content-length", b"100")
        request.write(b"part")
        request.transport.loseConnection()
        return task.deferLater(reactor, 0)

    @app.handle_errors(KeyError)
    def handled(request, failure):
        request.setResponseCode(503)
        return b"handled"

    return app


async def ask(reactor, base, note):
    """
    Queries all, some of them many times at once.
    """
    import treq
    from twisted.internet.defer import ensureDeferred, gatherResults
    from twisted.web.client import HTTPConnectionPool

    pool = HTTPConnectionPool(reactor)

    async def answer(name, method, path, expected, **more):
        response = await treq.request(method, base + path, pool=pool, **more)
        body = await treq.content(response)
        note(name, (response.code, body) == expected, f"{response.code}, {len(body)} bytes")

    await answer("home", "GET", "/", (200, b"home"))
    await answer("not_found", "PUT", "/none", (404, (await missing(base, pool))))
    await answer("redirect", "GET", "/moved", (200, b"home"))
    await answer("error", "GET", "/raises", (503, b"handled"))
    await answer("large", "GET", "/large", (200, LARGE))
    await answer("upload", "POST", "/echo", (200, LARGE), data=LARGE)
    many = [
        answer(f"later.{n}", "GET", f"/later/{n}", (200, b"%d" % (n * n))) for n in range(200)
    ]
    await gatherResults([ensureDeferred(one) for one in many])
    try:
        await answer("part", "GET", "/part", None)
    except Exception as error:
        note("part", type(error).__name__ == "ResponseFailed", type(error).__name__)
    await pool.closeCachedConnections()


async def missing(base, pool):
    """
    The page of what is not there.
    """
    import treq

    return await treq.content(await treq.get(base + "/none", pool=pool))


def main():
    results = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    importlib.import_module(f"twisted.internet.{REACTORS[sys.argv[1]]}").install()
    from twisted.internet import reactor
    from twisted.internet.defer import ensureDeferred
    from twisted.web.server import Site

    def note(name, passed, why):
        outcome = "passed" if passed else "failed"
        line = {"id": f"klein_and_treq.{name}", "outcome": outcome, "why": why}
        print(json.dumps(line), file=results, flush=True)

    port = reactor.listenTCP(0, Site(application().resource()), interface="127.0.0.1")
    asked = ensureDeferred(ask(reactor, f"http://127.0.0.1:{port.getHost().port}", note))
    asked.addErrback(lambda failure: note("asking", False, failure.getErrorMessage()))
    asked.addBoth(lambda _: reactor.stop())
    # What hangs has failed.
    reactor.callLater(60, reactor.stop)
    reactor.run()


if __name__ == "__main__":
    main()
