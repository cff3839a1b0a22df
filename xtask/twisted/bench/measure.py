"""
Measures the processor time that a server in Twisted spends on a message, reactor beside reactor.

C{measure.py [--rounds N]}: in each round, each program runs on each reactor in turn, on a core of its own;
50 clients have one message each under way. Prints a table of medians in microseconds a message, user and
system together, and the ratio of each to epollreactor's of the same round.
"""

import os
import selectors
import socket
import ssl
import statistics
import subprocess
import sys
import time

CONNECTIONS = 50
WARM_UP = 0.3
SECONDS = 1.5
TICKS = os.sysconf("SC_CLK_TCK")
REACTORS = ["epoll", "ropewalk", "uvloop"]
LINE = b"a line of sixty-four bytes in all, with its end: ..............\r\n"
ASK = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"

#: What a client sends, and whether what came is the whole answer.
PROGRAMS = {
    "echo": (b"m" * 64, lambda got: len(got) >= 64),
    "line": (LINE, lambda got: got.endswith(b"\r\n")),
    "web": (ASK, lambda got: len(got) > 1024 and got.endswith(b"x")),
    "tls": (b"m" * 64, lambda got: len(got) >= 64),
    "udp": (b"m" * 64, lambda got: len(got) >= 64),
}


def cores():
    """
    The core of the server and that of the load.
    """
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[-1]


def used(pid):
    """
    The processor time of a process in seconds, from C{/proc/PID/stat} (proc(5)).
    """
    with open(f"/proc/{pid}/schedstat") as file:
        return int(file.read().split()[0]) / 1e9


def connect(port, program):
    if program == "udp":
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        datagrams.connect(("127.0.0.1", port))
        datagrams.setblocking(False)
        return datagrams
    plain = socket.create_connection(("127.0.0.1", port))
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if program != "tls":
        plain.setblocking(False)
        return plain
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    secure = context.wrap_socket(plain)
    secure.setblocking(False)
    return secure


def exchange(port, pid, program):
    """
    Microseconds of the server's processor time for a message.
    """
    message, done = PROGRAMS[program]
    selector = selectors.EpollSelector()
    for _ in range(CONNECTIONS):
        client = connect(port, program)
        selector.register(client, selectors.EVENT_READ, bytearray())
        client.sendall(message)
    count, begin, spent = 0, time.monotonic() + WARM_UP, None
    while True:
        now = time.monotonic()
        if spent is None and now >= begin:
            count, spent = 0, used(pid)
        if now >= begin + SECONDS:
            break
        for key, _ in selector.select(1):
            client, got = key.fileobj, key.data
            try:
                piece = client.recv(65536)
            except ssl.SSLWantReadError:
                continue
            if not piece:
                raise RuntimeError(f"the server of {program} closed a connection")
            got += piece
            if done(got):
                got.clear()
                count += 1
                client.sendall(message)
    spent = used(pid) - spent
    for key in list(selector.get_map().values()):
        key.fileobj.close()
    return spent / count * 1e6


def measure(reactor, program):
    core, other = cores()
    os.sched_setaffinity(0, {other})
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "server.py")
    words = [sys.executable, "-B", script, reactor, program]
    server = subprocess.Popen(
        words,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    try:
        port = int(server.stdout.readline().split()[1])
        return exchange(port, server.pid, program)
    finally:
        server.stdin.close()
        server.kill()
        server.wait()


def main():
    rounds = int(sys.argv[2]) if sys.argv[1:2] == ["--rounds"] else 5
    figures = {}
    for number in range(rounds):
        for program in PROGRAMS:
            # The order turns, so that none is always the first.
            turned = REACTORS[number % 3 :] + REACTORS[: number % 3]
            for reactor in turned:
                figures.setdefault((program, reactor), []).append(measure(reactor, program))
    print(f"{'microseconds a message':24}" + "".join(f"{name:>12}" for name in REACTORS), "  ratios to epoll")
    for program in PROGRAMS:
        base = figures[program, "epoll"]
        row, ratios = f"{program:24}", ""
        for reactor in REACTORS:
            values = figures[program, reactor]
            row += f"{statistics.median(values):12.1f}"
            ratios += f"{statistics.median(a / b for a, b in zip(values, base)):7.2f}"
        print(row, ratios)


if __name__ == "__main__":
    main()
