"""An app that answers slowly, as inference does: ``/sse`` streams server-sent events for ``SECONDS`` seconds.

It is made of the standard library alone. Start it with ``python app.py --port 8000``, or leave that to the runtime.
"""

from __future__ import annotations

import argparse
import os
import select
import signal
import socket
import sys
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from types import FrameType

PAUSE = 0.5
"""About so many seconds lie between two events."""


class App(BaseHTTPRequestHandler):
    """The two things that one can ask for."""

    protocol_version = "HTTP/1.1"
    seconds = 10.0

    def do_GET(self) -> None:
        """Answer what was asked for."""
        path = self.path.partition("?")[0]
        if path == "/sse":
            self._stream()
        elif path == "/healthy":
            self._say(HTTPStatus.OK, "ready\n")
        else:
            self._say(HTTPStatus.NOT_FOUND, "There is /sse, and /healthy.\n")

    def _stream(self) -> None:
        """Send the events, each when its time has come; whoever leaves ends it."""
        chunked = self.request_version != "HTTP/1.0"  # such a client reads until the connection is closed
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-store")
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Connection", "close")
        self.end_headers()
        count = max(1, round(self.seconds / PAUSE))
        begun = time.monotonic()
        try:
            for number in range(1, count + 1):
                if self._left_before(begun + self.seconds * number / count):
                    self.close_connection = True
                    return
                # Each answer is as long as the next, else ab would count it as a failure.
                event = f"data: {number:04} of {count:04}\n\n".encode()
                self.wfile.write(b"%x\r\n%b\r\n" % (len(event), event) if chunked else event)
            if chunked:
                self.wfile.write(b"0\r\n\r\n")
        except ConnectionError:
            self.close_connection = True

    def _left_before(self, moment: float) -> bool:
        """Wait until *moment*, and say whether the client went away meanwhile."""
        left = max(0.0, moment - time.monotonic())
        if not select.select([self.connection], [], [], left)[0]:
            return False
        if not self.connection.recv(1, socket.MSG_PEEK):
            return True
        time.sleep(max(0.0, moment - time.monotonic()))  # its next request is there already
        return False

    def _say(self, status: HTTPStatus, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingTCPServer):
    """A thread for each connection; none of them keeps the process from ending."""

    allow_reuse_address = True
    daemon_threads = True

    def handle_error(self, _request: object, _client_address: object) -> None:
        """Say in a line what went wrong with one connection."""
        sys.stderr.write(f"connection ended: {sys.exc_info()[1]}\n")


def main() -> None:
    """Serve until SIGTERM, or Ctrl-C."""
    parser = argparse.ArgumentParser(description="Stream server-sent events, slowly.")
    parser.add_argument("--port", type=int, default=os.environ.get("PORT", "8000"))
    port = parser.parse_args().port
    try:
        App.seconds = float(os.environ.get("SECONDS", "10"))
    except ValueError:
        App.seconds = 0.0
    if not 0 < App.seconds < 1000:
        sys.exit(f"SECONDS: {os.environ['SECONDS']!r} is not a number above 0 and below 1000")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    try:
        server = Server(("127.0.0.1", port), App)
    except (OSError, OverflowError) as error:
        sys.exit(f"port {port}: {error}")
    with server:
        server.serve_forever()


def _stop(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)


if __name__ == "__main__":
    main()
