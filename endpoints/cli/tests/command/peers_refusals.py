"""Python's ssl as a peer that is refused: `client ADDRESS VERSION PAIR` and `server VERSION PAIR`.

It prints the alert that it got, by its number."""

import socket
import ssl
import sys


def limited(protocol, version, pair):
    context = ssl.SSLContext(protocol)
    context.minimum_version = context.maximum_version = {
        "1.2": ssl.TLSVersion.TLSv1_2,
        "1.3": ssl.TLSVersion.TLSv1_3,
    }[version]
    context.load_cert_chain(pair)
    return context


def report(talk):
    try:
        talk()
        print("no alert")
    except ssl.SSLError as error:
        name = error.reason.split("ALERT_", 1)[1]
        print("alert", int(ssl.AlertDescription["ALERT_DESCRIPTION_" + name]))


def client(address, version, pair):
    context = limited(ssl.PROTOCOL_TLS_CLIENT, version, pair)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    host, port = address.rsplit(":", 1)
    plain = socket.create_connection((host, int(port)), timeout=60)

    def talk():
        # With TLS 1.3 the handshake is over here before the server has seen the certificate.
        with context.wrap_socket(plain) as stream:
            stream.recv(1)

    report(talk)


def server(version, pair):
    context = limited(ssl.PROTOCOL_TLS_SERVER, version, pair)
    with socket.create_server(("127.0.0.1", 0)) as port:
        print("%s:%d" % port.getsockname(), flush=True)
        plain, _ = port.accept()
    plain.settimeout(60)

    def talk():
        with context.wrap_socket(plain, server_side=True) as stream:
            stream.recv(1)

    report(talk)


{"client": client, "server": server}[sys.argv[1]](*sys.argv[2:])
