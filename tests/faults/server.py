"""An HTTP server on a real socket that misbehaves as the first part of the path says, until it is mended."""

from __future__ import annotations

import gzip
import re
import socket
import ssl
import struct
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self

import httpx
import orjson

from tests.contracts.provider_worlds import WORLDS, World

DATE = "Date: Tue, 10 Mar 2026 12:00:00 GMT\r\n"


def slug(fault: str) -> str:
    """A fault's name as it stands in a path."""
    return re.sub(r"[^A-Za-z0-9]+", "-", fault)


class Gone(Exception):
    """The connection is over."""


class FaultServer:
    """Knows each cell's messages, and keeps count of those that it took."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.is_mended = False
        self.messages: dict[str, list[str]] = {}
        """Public ids by cell; a cell is `kind.fault.mode`, as a part of a path."""
        self.taken: Counter[str] = Counter()
        self.requests: Counter[str] = Counter()
        self.over = threading.Event()
        self._kept: dict[str, bytes] = {}
        self._context = context
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
        self.port, self.tls_port = (listener.getsockname()[1] for listener in self._listeners)
        for listener, context in zip(self._listeners, (None, self._context), strict=True):
            threading.Thread(target=self._listen, args=(listener, context), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        for listener in self._listeners:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def _listen(self, listener: socket.socket, context: ssl.SSLContext | None) -> None:
        while not self.over.is_set():
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock, context), daemon=True).start()

    def _serve(self, sock: socket.socket, context: ssl.SSLContext | None) -> None:
        with suppress(Gone, OSError, ValueError):
            sock.settimeout(5)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if context is not None:
                sock = context.wrap_socket(sock, server_side=True)
            exchange = Exchange(self, sock)
            while not self.over.is_set():
                exchange.one()
        with suppress(OSError):
            sock.close()

    def take(self, cell: str, request: httpx.Request) -> bytes:
        """What a provider in health answers, having taken the mails that it had not taken under this key."""
        world = WORLDS[cell.partition(".")[0]]
        if request.method == "GET":
            if world.finds is None or not request.url.query:
                # No look-up of mails: somebody asks whether we are there, or for a quota.
                return _answer_of(404)
            with self._lock:
                return _written(world.finds(request, {i for i in self.messages[cell] if self.taken[i]}))
        key = world.key_of(request)
        with self._lock:
            if key and key in self._kept:
                return self._kept[key] if world.repeated is None else _written(world.repeated)
            self.taken.update(i for i in self.messages[cell] if i.encode() in request.content)
            assert world.accepts is not None
            answer = _written(world.accepts(request))
            if key:
                self._kept[key] = answer
            return answer


class Exchange:
    """One connection."""

    def __init__(self, server: FaultServer, sock: socket.socket) -> None:
        self.server, self.sock = server, sock
        self._file = sock.makefile("rb")
        self.request = httpx.Request("GET", "http://nobody")
        self.cell = ""

    def one(self) -> None:
        """One request."""
        line = self._file.readline().decode()
        if not line:
            raise Gone
        method, path, _ = line.split(" ")
        headers = httpx.Headers()
        while (field := self._file.readline().decode().strip()) != "":
            name, _, value = field.partition(":")
            headers[name] = value.strip()
        _, self.cell, rest = path.split("/", 2)
        _, name, _ = self.cell.split(".")
        self._rest = (method, f"http://127.0.0.1/{rest}", headers)
        self.server.requests[self.cell] += 1
        act = None if self.server.is_mended else BY_SLUG.get(name)
        if act is None:
            self.say(self.taken())
        else:
            act(self)

    def read(self) -> httpx.Request:
        """The rest of the request."""
        method, url, headers = self._rest
        body = self._file.read(int(headers.get("content-length", "0")))
        return httpx.Request(method, url, headers=headers, content=body)

    def taken(self) -> bytes:
        """Take the mails; the answer that would be right."""
        return self.server.take(self.cell, self.read())

    def say(self, data: bytes) -> None:
        self.sock.sendall(data)

    def reset(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # The socket closes with its last reference.
        self._file.close()
        self.sock.close()
        raise Gone

    def close(self) -> None:
        self._file.close()
        raise Gone

    def hang(self) -> None:
        self.server.over.wait(3)
        raise Gone

    def drip(self, data: bytes) -> None:
        for letter in data:
            self.say(bytes([letter]))
            if self.server.over.wait(0.03):
                break
        raise Gone


def _written(response: httpx.Response, more: str = "") -> bytes:
    """An answer as it stands on the wire."""
    kept = {n: v for n, v in response.headers.items() if n.lower() not in {"content-length", "transfer-encoding"}}
    fields = "".join(f"{n}: {v}\r\n" for n, v in kept.items())
    head = f"HTTP/1.1 {response.status_code} .\r\n{fields}{more}Content-Length: {len(response.content)}\r\n\r\n"
    return head.encode() + response.content


def _answer(status: int, body: bytes = b'{"message": "no"}', more: str = "", kind: str = "application/json") -> Act:
    def act(x: Exchange) -> None:
        x.read()
        x.say(_written(httpx.Response(status, content=body, headers={"content-type": kind}), more))

    return act


def _instead(body: bytes, more: str = "") -> Act:
    """Take the mails, and answer 200 with something else."""

    def act(x: Exchange) -> None:
        x.taken()
        x.say(_written(httpx.Response(200, content=body), more))

    return act


def _then(*steps: str) -> Act:
    """Do these, one after the other; `taken` and `read` say nothing of their own."""

    def act(x: Exchange) -> None:
        for step in steps:
            getattr(x, step)()

    return act


def _silent_after(data: bytes) -> Act:
    def act(x: Exchange) -> None:
        x.taken()
        x.say(data)
        x.hang()

    return act


def _half_closed(x: Exchange) -> None:
    x.taken()
    x.sock.shutdown(socket.SHUT_WR)
    x.hang()


def _dripping_head(x: Exchange) -> None:
    x.drip(x.taken().replace(b"\r\n", b"\r\nX-More: and more\r\n", 1))


def _dripping_body(x: Exchange) -> None:
    x.taken()
    x.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    x.drip(b" " * 1000)


def _cut(how: Callable[[bytes, bytes], bytes], end: str = "") -> Act:
    """Change the right answer's head and body."""

    def act(x: Exchange) -> None:
        head, _, body = x.taken().partition(b"\r\n\r\n")
        x.say(how(head + b"\r\n\r\n", body))
        if end:
            getattr(x, end)()

    return act


def _lengthened(head: bytes, by: int) -> bytes:
    return re.sub(rb"Content-Length: (\d+)", lambda m: b"Content-Length: %d" % max(0, int(m[1]) + by), head)


def _recounted(change: Callable[[list[Any]], list[Any]]) -> Act:
    """Change every list of results in the right answer."""

    def act(x: Exchange) -> None:
        head, _, body = x.taken().partition(b"\r\n\r\n")
        said = orjson.loads(body or b"{}")
        changed = (
            change(said)
            if isinstance(said, list)
            else {n: change(v) if isinstance(v, list) else v for n, v in said.items()}
        )
        status = int(head.split(b" ")[1])
        fields = (f.partition(": ") for f in head.decode().split("\r\n")[1:] if f.startswith("x-"))
        kept = {name: value for name, _, value in fields}
        x.say(_written(httpx.Response(status, json=changed, headers=kept)))

    return act


def _one_refused(x: Exchange) -> None:
    """Take all but the cell's last mail."""
    world: World = WORLDS[x.cell.partition(".")[0]]
    request = x.read()
    last = x.server.messages[x.cell][-1]
    if world.is_one_by_one:
        is_last = last.encode() in request.content
        x.say(_answer_of(422) if is_last else x.server.take(x.cell, request))
        return
    answer = x.server.take(x.cell, request)
    if world.refuses is not None:
        x.server.taken[last] -= 1
        head, _, body = answer.partition(b"\r\n\r\n")
        answer = _written(httpx.Response(int(head.split(b" ")[1]), json=world.refuses(orjson.loads(body))))
    x.say(answer)


def _answer_of(status: int) -> bytes:
    return _written(httpx.Response(status, json={"message": "no"}))


Act = Callable[[Exchange], None]
BOMB = gzip.compress(b" " * 6_000_000, compresslevel=1)
ACTS: dict[str, Act] = {
    "closed before the request is read": _then("close"),
    "reset before the request is read": _then("reset"),
    "reset after the head": _then("reset"),
    "silence before accepting": _then("hang"),
    "silence after accepting": _then("taken", "hang"),
    "100 Continue, then silence": _silent_after(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "closed after accepting": _then("taken", "close"),
    "reset after accepting": _then("taken", "reset"),
    "half closed after accepting": _half_closed,
    "head, a letter at a time": _dripping_head,
    "body, a letter at a time": _dripping_body,
    "reset amid the body": _cut(lambda head, body: _lengthened(head, 50) + body, "reset"),
    "body shorter than promised": _cut(lambda head, body: _lengthened(head, 50) + body, "close"),
    "body longer than promised": _cut(lambda head, body: _lengthened(head, -5) + body),
    "truncated JSON": _cut(lambda head, body: _lengthened(head, -5) + body[:-5]),
    "HTML with 200": _instead(b"<html>Hello</html>"),
    "nothing with 200": _instead(b""),
    "null with 200": _instead(b"null"),
    "an error with 200": _answer(200, b'{"message": "no", "error": {"code": 1}}'),
    "another charset": _instead('{"data": "é"}'.encode("latin-1")),
    "gzip that is none": _instead(b'{"data": []}', "Content-Encoding: gzip\r\n"),
    "gzip bomb": _instead(BOMB, "Content-Encoding: gzip\r\n"),
    "not HTTP": _cut(lambda _head, _body: b"SSH-2.0-OpenSSH_9.9\r\n\r\n", "close"),
    "endless head": _cut(lambda _head, _body: b"HTTP/1.1 200 OK\r\n" + b"X-More: and more\r\n" * 8000, "close"),
    "a result too few": _recounted(lambda items: items[:-1]),
    "a result too many": _recounted(lambda items: items + items[-1:]),
    "the answer twice": _cut(lambda head, body: (head + body) * 2),
    "one mail refused": _one_refused,
    "redirect": _answer(307, b"", "Location: https://evil.example.com/\r\n"),
    "400": _answer(400),
    "401": _answer(401),
    "403": _answer(403, b"<html>", kind="text/html"),
    "404": _answer(404),
    "413": _answer(413, b""),
    "422": _answer(422),
    "429": _answer(429),
    "429, wait 7 s": _answer(429, more="Retry-After: 7\r\n"),
    "429, wait until a date": _answer(429, more=f"{DATE}Retry-After: Tue, 10 Mar 2026 12:01:30 GMT\r\n"),
    "429, wait a year": _answer(429, more="Retry-After: 31536000\r\n"),
    "500": _answer(500),
    "502 with HTML": _answer(502, b"<html>", kind="text/html"),
    "503": _answer(503, b""),
    "503, wait 7 s": _answer(503, more="Retry-After: 7\r\n"),
    "504": _answer(504, b""),
}
BY_SLUG = {slug(name): act for name, act in ACTS.items()}
