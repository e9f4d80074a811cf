"""The provider, in its own process: it keeps the truth in a file, and fails in every way that a provider fails.

    POST /a/batch   takes an Idempotency-Key: the same answer again for the same body, 409 for another one
    POST /b/batch   a plain batch;  POST /b/find  looks mails up by our id, a little behind the truth
    POST /c/send    one mail, no questions asked
    POST /h/hook    takes outgoing webhooks;  POST /s/…  is the shop: objects, pages of orders, codes
    GET  /f/feed    is a blog's feed

Requests carry the instant at which they were sent; what is older than LATEST when it would be accepted is lost on
the way, so that acceptance is late, but not arbitrarily late: the bound that a settle delay needs.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from automation.clock import stopwatch
from tests.crash.shop import quick_time
from tests.crash.worker import die_with_parent

LATEST = 1.0
"""Seconds after sending when nothing is accepted any more."""
PAGE = 3
"""Orders on a page of the shop's."""
LAG = 0.3
"""Seconds after accepting until a look-up is sure to find it."""


@dataclass
class World:
    """What the provider knows."""

    truth: Path
    rng: random.Random
    trouble: float
    """How often something goes wrong, 0 to 1."""
    mails: dict[str, tuple[str, float]] = field(default_factory=dict)
    """Our id → the provider's, and when a look-up finds it."""
    keys: dict[str, tuple[bytes, Any]] = field(default_factory=dict)
    """Idempotency key → body, and the answer (None while it is worked out)."""
    orders: list[dict[str, str]] = field(default_factory=list)
    """Of the shop, oldest first."""
    posts: int = 0
    """Items of the feed."""
    is_open: bool = True
    """Whether the shop still sells."""
    turn: threading.Lock = field(default_factory=threading.Lock)

    def note(self, what: str, name: str, detail: str = "-") -> None:
        """A line of the truth that is not about a mail."""
        with self.truth.open("a") as file:
            file.write(f"{what} {name} {detail} {stopwatch():.4f} -\n")

    def pull(self, since: str | None, cursor: str | None) -> dict[str, Any]:
        """A page of the shop's orders; now and then one more has come."""
        with self.turn:
            if cursor is None and self.is_open and self.rng.random() < 0.5:
                self.orders.append({"id": f"walk-{len(self.orders)}", "at": quick_time().isoformat()})
                self.note("w", self.orders[-1]["id"])
            start = int(cursor) if cursor else sum(one["at"] < (since or "") for one in self.orders)
            page = self.orders[start : start + PAGE]
            return {"orders": page, "cursor": str(start + PAGE) if len(self.orders) > start + PAGE else None}

    def feed(self) -> dict[str, Any]:
        """The blog's feed; now and then one more post has come. It shows the newest ten."""
        with self.turn:
            if not self.posts or (self.is_open and self.rng.random() < 0.3):
                self.note("p", f"post-{self.posts}")
                self.posts += 1
            names = [f"post-{n}" for n in reversed(range(max(0, self.posts - 10), self.posts))]
        items = [{"id": n, "url": f"https://blog.example.com/{n}", "title": n, "content_text": n} for n in names]
        return {"version": "https://jsonfeed.org/version/1.1", "title": "Blog", "items": items}

    def make_codes(self, codes: list[str]) -> list[str]:
        """Codes, each of which may have been made before."""
        with self.turn:
            for code in codes:
                self.note("k", code)
            return codes

    def accept(self, dialect: str, key: str, mails: list[dict[str, str]], sent: float) -> list[dict[str, str]] | None:
        """Take mails; None when the request is too old. The truth is on file before anybody is told."""
        with self.turn:
            now = stopwatch()
            if now - sent > LATEST:
                return None
            answer = []
            with self.truth.open("a") as file:
                for mail in mails:
                    provider_id = f"{dialect}-{self.rng.getrandbits(64):016x}"
                    self.mails[mail["message_id"]] = (provider_id, now + self.rng.random() * LAG)
                    answer.append({"id": provider_id})
                    file.write(f"{dialect} {mail['message_id']} {provider_id} {now:.4f} {key}\n")
            return answer

    def find(self, ids: list[str]) -> dict[str, str | None]:
        """What there is under our ids, as a look-up sees it."""
        with self.turn:
            now = stopwatch()
            seen = {i: self.mails[i][0] for i in ids if i in self.mails and self.mails[i][1] <= now}
            return {i: seen.get(i) for i in ids}

    def mishap(self) -> str:
        """What goes wrong with this request, if anything."""
        kinds = ("500", "429", "drop_before", "drop_after", "late")
        with self.turn:
            return self.rng.choice(kinds) if self.rng.random() < self.trouble else ""


class _Gone(Exception):
    """Hang up without an answer."""


class _Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 65536
    world: World

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """The feed, which goes wrong as often as all else."""
        mishap = self.world.mishap()
        if mishap in ("500", "429"):
            self.send_error(int(mishap))
            return
        data = json.dumps(self.world.feed()).encode()
        if mishap:
            self.close_connection = True
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/feed+json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self) -> None:
        """Answer one request."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            beside = self.path[:3] in {"/s/", "/h/"}
            status, answer = self._answer_beside(body) if beside else self._answer(body)
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        except (_Gone, OSError):
            self.close_connection = True

    def _answer(self, body: bytes) -> tuple[int, Any]:
        found = json.loads(body)
        if self.path == "/b/find":
            if self.world.mishap() == "500":
                return 500, {}
            return 200, self.world.find(found)
        mishap = self.world.mishap()
        if mishap in ("500", "429"):
            return int(mishap), {}
        if mishap == "drop_before":
            raise _Gone
        if any("refuse" in mail["to"] for mail in found):
            return 422, {}
        dialect = self.path.split("/")[1]
        sent = float(self.headers["X-Sent-At"])
        key = self.headers["Idempotency-Key"]
        take = self._keyed if dialect == "a" else self._plain
        if mishap == "late":
            delay = self.world.rng.random() * 0.3
            threading.Timer(delay, take, (dialect, key, body, found, sent)).start()
            raise _Gone
        status, answer = take(dialect, key, body, found, sent)
        if mishap == "drop_after":
            raise _Gone
        return status, answer

    def _answer_beside(self, body: bytes) -> tuple[int, Any]:
        """The shop's and the receiver's answers. An answer that is lost on the way is not an answer that was no."""
        found, world = json.loads(body), self.world
        mishap = world.mishap()
        if mishap in ("500", "429"):
            return int(mishap), {}
        if mishap == "drop_before":
            raise _Gone
        answer: Any = {}
        match self.path:
            case "/h/hook":
                world.note("h", self.headers["webhook-id"], hashlib.sha256(body).hexdigest()[:16])
            case "/s/fetch":
                answer = found
            case "/s/pull":
                answer = world.pull(found["since"], found["cursor"])
            case "/s/codes":
                answer = world.make_codes(found["codes"])
            case "/s/close":
                world.is_open = False
        if mishap:
            raise _Gone
        return 200, answer

    def _plain(self, dialect: str, key: str, _: bytes, mails: list[dict[str, str]], sent: float) -> tuple[int, Any]:
        answer = self.world.accept(dialect, key, mails, sent)
        return (200, answer) if answer is not None else (500, {})

    def _keyed(self, dialect: str, key: str, body: bytes, mails: list[dict[str, str]], sent: float) -> tuple[int, Any]:
        world = self.world
        with world.turn:
            known = world.keys.get(key)
            if known is None:
                world.keys[key] = (body, None)
            elif known[0] != body or known[1] is None:
                return 409, {}
            else:
                return 200, known[1]
        answer = world.accept(dialect, key, mails, sent)
        with world.turn:
            if answer is None:
                del world.keys[key]
                return 500, {}
            world.keys[key] = (body, answer)
        return 200, answer


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: Any) -> None:
        """Clients that die in the middle of a request are what this is about."""


def start(truth: Path, seed: int, trouble: float) -> tuple[int, int]:
    """Fork the provider; answers its process id and its port."""
    world = World(truth, random.Random(seed), trouble)
    server = _Server(("127.0.0.1", 0), type("Door", (_Door,), {"world": world}))
    pid = os.fork()
    if pid == 0:
        try:
            die_with_parent()
            server.serve_forever()
        finally:
            os._exit(0)
    port = server.server_address[1]
    server.socket.close()
    return pid, int(port)
