"""A Postmark and SendGrid look-alike that reads a request whole and accepts every mail in it; prints its port, serves.

Its one argument: seconds to wait before each answer.
"""

from __future__ import annotations

import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count

_NUMBERS = count(1)


class Door(BaseHTTPRequestHandler):
    """Answers one id per mail; counts mails without parsing them, so that the machine measures the sender."""

    protocol_version = "HTTP/1.1"
    # Head and body leave together: a sink that naps between the two would measure itself.
    wbufsize = -1
    disable_nagle_algorithm = True

    delay = 0.0
    """Seconds until it answers."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.delay:
            time.sleep(self.delay)
        if self.path == "/v3/mail/send":
            self.send_response(202)
            self.send_header("X-Message-Id", f"s-{next(_NUMBERS)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        mails = body.count(b'"HtmlBody"')
        items = b",".join(b'{"ErrorCode":0,"Message":"OK","MessageID":"s-%d"}' % next(_NUMBERS) for _ in range(mails))
        answer = items if self.path == "/email" else b"[" + items + b"]"
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the library's name
        """Say nothing."""


if __name__ == "__main__":
    Door.delay = float(sys.argv[1]) if len(sys.argv) > 1 else 0.0
    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    server.daemon_threads = True
    print(server.server_port, flush=True)
    sys.stdout.flush()
    server.serve_forever()
