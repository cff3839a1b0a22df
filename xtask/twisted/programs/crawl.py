"""
Scrapy crawls a local site on one reactor, and a line of JSON for each page and number is printed, as
run_suites.py does for tests.

C{crawl.py ours|control}

The site has C{PAGES} pages over HTTP and over HTTPS, each with links to others, and answers that are
redirects, missing, slow or compressed. It is served by another process, on epollreactor for both.
"""

import gzip
import hashlib
import json
import os
import resource
import subprocess
import sys

REACTORS = {
    "ours": "twisted.internet.ropewalkreactor.RopewalkReactor",
    "control": "twisted.internet.epollreactor.EPollReactor",
}

PAGES = 600


def site():
    """
    The site, until its standard input ends; prints its two ports.
    """
    from twisted.internet import epollreactor

    epollreactor.install()
    from twisted.internet import protocol, reactor, ssl, stdio, task
    from twisted.web import resource as web
    from twisted.web.server import NOT_DONE_YET, Site

    class Page(web.Resource):
        isLeaf = True

        def render_GET(self, request):
            number = int(request.postpath[0] or b"0")
            if number % 97 == 13:
                request.setResponseCode(404)
                return b"no such page"
            if number % 89 == 7:
                request.redirect(b"/%d" % (number + 1))
                return b""
            linked = [number * 2 + 1, number * 2 + 2, (number * 7 + 3) % PAGES]
            links = "".join(f'<a href="/{n}">{n}</a>' for n in linked if n < PAGES)
            body = f"<h1>page {number}</h1><p>{'text ' * (number % 50 * 20)}</p>{links}".encode()
            request.setHeader(b"content-type", b"text/html")
            if number % 3 == 0:
                request.setHeader(b"content-encoding", b"gzip")
                body = gzip.compress(body, mtime=0)
            if number % 50 == 9:
                # Without a length, so in chunks.
                request.write(body[:10])
                task.deferLater(reactor, 0.02, self.rest, request, body[10:])
                return NOT_DONE_YET
            return body

        def rest(self, request, body):
            request.write(body)
            request.finish()

    class Watch(protocol.Protocol):
        def connectionLost(self, reason):
            reactor.stop()

    serving = Site(Page())
    plain = reactor.listenTCP(0, serving, interface="127.0.0.1")
    secure = reactor.listenSSL(0, serving, certificate(), interface="127.0.0.1")
    stdio.StandardIO(Watch())
    print(plain.getHost().port, secure.getHost().port, flush=True)
    reactor.run()


def certificate():
    """
    A certificate for the local host, by itself.
    """
    from twisted.internet.ssl import KeyPair

    return KeyPair.generate(size=2048).selfSignedCert(1, CN="localhost").options()


def crawl(reactor, ports, results):
    """
    Crawls both sites, and prints what came.
    """
    import scrapy
    from scrapy.crawler import CrawlerProcess

    schemes = dict(zip(("http", "https"), ports))
    found = {}

    class Site(scrapy.Spider):
        name = "site"
        handle_httpstatus_list = [404]

        async def start(self):
            for scheme, port in schemes.items():
                yield scrapy.Request(f"{scheme}://127.0.0.1:{port}/0")

        def parse(self, response):
            scheme, path = response.url.split("://")[0], response.url.rsplit("/", 1)[1]
            text = response.text
            found[f"{scheme}/{path}"] = response.status, len(text), hash_of(text)
            for link in response.css("a::attr(href)").getall() if response.status == 200 else ():
                yield response.follow(link)

    process = CrawlerProcess(
        {
            "TWISTED_REACTOR": reactor,
            "LOG_LEVEL": "WARNING",
            "TELNETCONSOLE_ENABLED": False,
            "CONCURRENT_REQUESTS": 32,
            "CONCURRENT_REQUESTS_PER_DOMAIN": 32,
            "DOWNLOAD_DELAY": 0,
        }
    )
    crawler = process.create_crawler(Site)
    process.crawl(crawler)
    before = processor_time()
    process.start()
    spent = processor_time() - before
    for page, told in found.items():
        note(results, f"crawl.{page}", "passed" if told[0] in (200, 404) else "failed", str(told))
    statistics = crawler.stats.get_stats()
    for key in ("finish_reason", "downloader/response_count", "downloader/response_status_count/302"):
        note(results, f"crawl.{key}={statistics.get(key)}", "passed", "")
    errors = [key for key in statistics if "exception" in key or "log_count/ERROR" in key]
    note(results, "crawl.without_errors", "failed" if errors else "passed", ", ".join(errors))
    print(f"processor time of the crawl: {spent:.2f} s", file=sys.stderr)


def hash_of(text):
    """
    A short digest.
    """
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def processor_time():
    """
    The seconds that this process has computed.
    """
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def note(results, identity, outcome, why):
    """
    Prints one result. What was found is part of its name, so that the same has to be found on both.
    """
    if outcome == "passed" and why:
        identity, why = f"{identity}={why}", ""
    print(json.dumps({"id": identity, "outcome": outcome, "why": why}), file=results, flush=True)


def main():
    if sys.argv[1] == "site":
        site()
        return
    results = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, __file__, "site"], stdin=pipe, stdout=pipe) as serving:
        ports = [int(port) for port in serving.stdout.readline().split()]
        crawl(REACTORS[sys.argv[1]], ports, results)
        serving.stdin.close()


if __name__ == "__main__":
    main()
