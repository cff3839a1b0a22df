"""Python's ssl as a server of two connections: `VERSION PAIR`. It echoes, and prints how each was negotiated."""

import socket
import ssl
import sys

version, pair = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.minimum_version = context.maximum_version = {
    "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}[version]
context.set_alpn_protocols(["echo/1"])
context.load_cert_chain(pair)
with socket.create_server(("127.0.0.1", 0)) as port:
    print("%s:%d" % port.getsockname(), flush=True)
    for _ in range(2):
        plain, _ = port.accept()
        plain.settimeout(60)
        with context.wrap_socket(plain, server_side=True) as stream:
            while chunk := stream.recv(4096):
                stream.sendall(chunk)
            print("ALPN", stream.selected_alpn_protocol(), flush=True)
            print("resumed" if stream.session_reused else "new", flush=True)
            stream.unwrap()
