"""Python's ssl as the peer: `client ADDRESS VERSION ROOTS [PAIR]` and `server VERSION PAIR [CLIENTS]`."""

import random
import select
import socket
import ssl
import sys

CHUNK = 64 * 1024
MIB = 1024 * 1024


def limited(context, version):
    context.minimum_version = context.maximum_version = {
        "1.2": ssl.TLSVersion.TLSv1_2,
        "1.3": ssl.TLSVersion.TLSv1_3,
    }[version]
    context.set_alpn_protocols(["echo/1"])
    return context


def exchange(stream, data):
    """Sends all and reads as much, in one thread: OpenSSL's connections may not be shared by two."""
    stream.setblocking(False)
    unsent, received = memoryview(data), bytearray()
    while len(received) < len(data):
        stuck = True
        if unsent:
            try:
                unsent = unsent[stream.send(unsent[:CHUNK]):]
                stuck = False
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                pass
        try:
            chunk = stream.recv(MIB)
            assert chunk, "it ended early"
            received += chunk
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            if stuck:
                ready = select.select([stream], [stream] if unsent else [], [], 60)
                assert any(ready), f"silence: {len(unsent)} bytes unsent, {len(received)} received"
    stream.setblocking(True)
    return received


def talk(context, address, data, session=None):
    """Has all echoed, and returns the socket's state."""
    host, port = address.rsplit(":", 1)
    plain = socket.create_connection((host, int(port)), timeout=60)
    with context.wrap_socket(plain, server_hostname="localhost", session=session) as stream:
        assert exchange(stream, data) == data, "other bytes came"
        return stream.selected_alpn_protocol(), stream.version(), stream.session, stream.session_reused


def client(address, version, roots, pair=None):
    context = limited(ssl.create_default_context(cafile=roots), version)
    if pair:
        context.load_cert_chain(pair)
    protocol, spoken, session, _ = talk(context, address, random.Random(1).randbytes(16 * MIB))
    assert (protocol, spoken) == ("echo/1", "TLSv" + version), (protocol, spoken)
    reused = talk(context, address, b"again", session)[3]
    assert reused, "the session was not resumed"


def server(version, pair, clients=None):
    context = limited(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), version)
    context.load_cert_chain(pair)
    if clients:
        context.load_verify_locations(clients)
        context.verify_mode = ssl.CERT_REQUIRED
    with socket.create_server(("127.0.0.1", 0)) as port:
        print("%s:%d" % port.getsockname(), flush=True)
        plain, _ = port.accept()
    plain.settimeout(60)
    with context.wrap_socket(plain, server_side=True) as stream:
        assert stream.version() == "TLSv" + version
        assert stream.selected_alpn_protocol() == "echo/1"
        assert bool(stream.getpeercert(True)) == bool(clients)
        while chunk := stream.recv(MIB):
            stream.sendall(chunk)
        stream.unwrap()


{"client": client, "server": server}[sys.argv[1]](*sys.argv[2:])
