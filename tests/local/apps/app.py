"""An app that does what its environment says, made of nothing that takes long to import.

``FAKE`` names its faults, with commas between them: ``exit=3`` at once, ``never`` ready, ``slow=0.5`` to start,
``garbage`` for answers, ``sick=2`` for two looks after its first good one, ``deaf`` to SIGTERM, ``child`` that stays
in its group, ``daemon`` that leaves it, ``shy`` about whose worker it is. Paths: ``/sleep/SECONDS``; ``/mute`` makes it
close its socket, and stay; ``/looks`` tells how often ``/ready`` was asked for; all others are answered with its pid.
"""

import os
import signal
import socket
import sys
import time

faults = dict(fault.partition("=")[::2] for fault in os.environ.get("FAKE", "").split(",") if fault)
print("begins", os.environ.get("WORD", ""), os.getcwd(), flush=True)  # noqa: PTH109 - pathlib takes long to import
if "shy" in faults and "EVERAI_AUTOSCALER_WORKER" in os.environ:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("EVERAI_AUTOSCALER_")}
    os.execve(sys.executable, [sys.executable, "-S", *sys.argv], plain)
if "exit" in faults:
    print("an unlucky start", flush=True)
    sys.exit(int(faults["exit"]))
if "deaf" in faults:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
for kind in ("child", "daemon"):
    if kind in faults and os.fork() == 0:
        if kind == "daemon":
            os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print(kind, os.getpid(), flush=True)
        time.sleep(600)
        os._exit(0)
time.sleep(float(faults.get("slow", 0)))
if "never" in faults:
    time.sleep(600)
server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(("127.0.0.1", int(sys.argv[1])))
server.listen(50)
looks = 0
while True:
    client, _ = server.accept()
    asked = client.recv(65536).partition(b"\r\n")[0].split(b" ")
    path = asked[1].decode() if len(asked) == 3 else ""
    status = b"200 OK"
    if path.startswith("/sleep/"):
        time.sleep(float(path.removeprefix("/sleep/")))
    if path == "/ready":
        looks += 1
        if "sick" in faults and 1 < looks <= 1 + int(faults["sick"]):
            status = b"503 Service Unavailable"
    body = b"%d" % (looks if path == "/looks" else os.getpid())
    answer = b"HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (status, len(body), body)
    try:
        client.sendall(b"no HTTP at all\r\n\r\n" if "garbage" in faults else answer)
    except OSError:
        print("nobody wants it", flush=True)
    client.close()
    if path == "/mute":
        server.close()
        time.sleep(600)
