"""Types a line and the tabulator key in a shell on a terminal, and prints the line that comes of it."""

import os
import pty
import select
import sys
import time

shell, setup, text = sys.argv[1:4]
LIMIT = time.monotonic() + 50
child, terminal = pty.fork()
if child == 0:
    os.environ.update(TERM="dumb", PS1="$ ", HISTFILE="/dev/null")
    os.execvp("sh", ["sh", "-c", "exec " + shell])
seen = b""


def wait_for(mark):
    global seen
    while mark not in seen:
        if time.monotonic() > LIMIT:
            sys.exit(f"no {mark!r} in {seen!r}")
        if select.select([terminal], [], [], 0.2)[0]:
            seen += os.read(terminal, 65536)


def type_keys(keys):
    os.write(terminal, keys.encode())


type_keys(setup + "; echo RE''ADY\n")
wait_for(b"READY")
type_keys(text + "\t")
# The shell echoes keys in their order, so these come behind the completion. Then the line is printed, not run.
type_keys("X\x01echo 'LI''NE' \x05 'EN''D'\n")
wait_for(b"END")
line = seen[seen.rindex(b"LINE") + 4 : seen.rindex(b"END")]
print(line.decode().strip())
os.close(terminal)
