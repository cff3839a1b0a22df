"""Says which sockets it has been handed, and serves one client on each of them."""

import os
import socket
import sys

names = os.environ["LISTEN_FDNAMES"].split(":")
own = int(os.environ["LISTEN_PID"]) == os.getpid()
print(f"own={own} pid={os.getpid()} names={names} extra={os.environ.get('EXTRA')}", flush=True)
for number in range(3, 3 + int(os.environ["LISTEN_FDS"])):
    handed = socket.socket(fileno=number)
    listens = handed.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1
    blocking = os.get_blocking(number)
    print(f"{number} {handed.family.name} listens={listens} blocking={blocking}", flush=True)
    client = handed
    if listens:
        client = handed.accept()[0]
    else:
        address, port = client.getpeername()
        told = (os.environ["REMOTE_ADDR"], os.environ["REMOTE_PORT"])
        print(f"remote={told == (address, str(port))}", flush=True)
    while data := client.recv(65536):
        client.sendall(data)
    client.close()
sys.exit(7)
