"""A Postmark look-alike that keeps the truth: which of our ids it was given, how often, and answers look-ups."""

from __future__ import annotations

import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import orjson


class Postmark:
    """Takes every mail, after thinking about it for a while."""

    def __init__(self, pause: float) -> None:
        self.taken: Counter[str] = Counter()
        self.under_way = 0
        self._lock = threading.Lock()
        outer = self

        class Door(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                mails = orjson.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with outer._lock:
                    outer.under_way += 1
                    outer.taken.update(m["Metadata"]["message_id"] for m in mails)
                threading.Event().wait(pause)
                with outer._lock:
                    outer.under_way -= 1
                answer = [{"ErrorCode": 0, "Message": "OK", "MessageID": m["Metadata"]["message_id"]} for m in mails]
                self._answer(answer)

            def do_GET(self) -> None:
                wanted = parse_qs(urlsplit(self.path).query)["metadata_message_id"][0]
                found = [{"MessageID": wanted, "Metadata": {"message_id": wanted}}] if outer.taken[wanted] else []
                self._answer({"TotalCount": len(found), "Messages": found})

            def _answer(self, value: object) -> None:
                body = orjson.dumps(value)
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except OSError:
                    self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the library's name
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
