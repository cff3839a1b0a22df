"""Python's ssl as the peer: `client ADDRESS VERSION ROOTS [PAIR]` and `server VERSION PAIR [CLIENTS]`."""

import random
import socket
import ssl
import sys
import threading

MIB = 1024 * 1024


def limited(context, version):
    context.minimum_version = context.maximum_version = {
        "1.2": ssl.TLSVersion.TLSv1_2,
        "1.3": ssl.TLSVersion.TLSv1_3,
    }[version]
    context.set_alpn_protocols(["echo/1"])
    return context


def talk(context, address, data, session=None):
    """Sends all, reads as much, and returns the socket's state."""
    host, port = address.rsplit(":", 1)
    plain = socket.create_connection((host, int(port)), timeout=60)
    with context.wrap_socket(plain, server_hostname="localhost", session=session) as stream:
        sending = threading.Thread(target=stream.sendall, args=(data,))
        sending.start()
        received = bytearray()
        while len(received) < len(data):
            chunk = stream.recv(MIB)
            assert chunk, "it ended early"
            received += chunk
        sending.join()
        assert received == data, "other bytes came"
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
