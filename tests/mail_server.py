"""A mail server on a real socket that keeps what it is sent, and misbehaves where a test says."""

from __future__ import annotations

import base64
import re
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

Act = str | Callable[["_Talk"], str | None]
"""What it does at a point: an answer, or a function that answers (None: nothing more is said)."""


class Gone(Exception):
    """The server hung up."""


def close(talk: _Talk) -> str:
    """Hang up without a word."""
    raise Gone


def reset(talk: _Talk) -> str:
    """Tear the connection down: the other side sees a reset."""
    talk.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise Gone


def hang(talk: _Talk) -> None:
    """Say nothing, until the other side has had enough."""
    talk.server.over.wait(5)
    raise Gone


def drip(talk: _Talk) -> None:
    """Answer a letter at a time, too slowly to ever end."""
    with suppress(OSError):
        for letter in b"250-" + b"x" * 200:
            talk.sock.sendall(bytes([letter]))
            if talk.server.over.wait(0.04):
                break
    raise Gone


def half(talk: _Talk) -> str:
    """Break off amid an answer."""
    talk.sock.sendall(b"250-2.0.0 this goes")
    raise Gone


@dataclass
class Arrived:
    """One mail as it was taken."""

    sender: str
    recipient: str
    content: bytes
    """Dots undone."""


@dataclass
class MailServer:
    """`acts` says what happens at greeting, ehlo, starttls, auth, mail, rcpt, data, content, rset and quit."""

    acts: dict[str, Act] = field(default_factory=dict)
    offers: tuple[str, ...] = ("PIPELINING", "8BITMIME", "SMTPUTF8", "DSN", "SIZE 50000000", "ENHANCEDSTATUSCODES")
    context: ssl.SSLContext | None = None
    is_implicit: bool = False
    users: dict[str, str] = field(default_factory=dict)
    mechanisms: str = "PLAIN LOGIN"
    per_recipient: dict[str, str] = field(default_factory=dict)
    """Answers to RCPT for some addresses."""
    arrived: list[Arrived] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    connections: int = 0
    over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._start(self._listen)
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(2)

    def _start(self, what: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=what, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _listen(self) -> None:
        while not self.over.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._start(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        talk = _Talk(self, sock)
        with suppress(Gone, OSError, ValueError):
            talk.run()
        talk.end()


class _Talk:
    def __init__(self, server: MailServer, sock: socket.socket) -> None:
        sock.settimeout(10)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.server, self.sock = server, sock
        self.file = sock.makefile("rb")
        self.sender = self.recipient = ""

    def end(self) -> None:
        with suppress(OSError, ValueError):
            self.file.close()
        with suppress(OSError):
            self.sock.close()

    def say(self, point: str, otherwise: str) -> str:
        act = self.server.acts.get(point, otherwise)
        answer = act if isinstance(act, str) else act(self)
        if answer is not None:
            self.sock.sendall(answer.encode() + b"\r\n")
        return answer or ""

    def hear(self) -> str:
        line = self.file.readline()
        if not line:
            raise Gone
        text = line.decode().rstrip("\r\n")
        self.server.commands.append(text)
        return text

    def secure(self) -> None:
        assert self.server.context is not None
        self.file.close()
        self.sock = self.server.context.wrap_socket(self.sock, server_side=True)
        self.file = self.sock.makefile("rb")

    def run(self) -> None:
        if self.server.is_implicit:
            self.secure()
        self.say("greeting", "220 mail.example.com ESMTP")
        while True:
            word, _, rest = self.hear().partition(" ")
            getattr(self, f"do_{word.lower()}", self.unknown)(rest)

    def unknown(self, _rest: str) -> None:
        self.say("unknown", "500 5.5.1 what?")

    def do_ehlo(self, _rest: str) -> None:
        offers = [*self.server.offers]
        if self.server.context and not isinstance(self.sock, ssl.SSLSocket):
            offers.append("STARTTLS")
        if self.server.users:
            offers.append(f"AUTH {self.server.mechanisms}")
        lines = ["mail.example.com", *offers]
        said = [f"250{' ' if n == len(lines) - 1 else '-'}{line}" for n, line in enumerate(lines)]
        self.say("ehlo", "\r\n".join(said))

    def do_starttls(self, _rest: str) -> None:
        if self.say("starttls", "220 2.0.0 go").startswith("220"):
            self.secure()

    def do_auth(self, rest: str) -> None:
        mechanism, _, first = rest.partition(" ")
        if mechanism.upper() == "LOGIN":
            user = base64.b64decode(first or self._asked("VXNlcm5hbWU6")).decode()
            password = base64.b64decode(self._asked("UGFzc3dvcmQ6")).decode()
        else:
            _, user, password = base64.b64decode(first or self._asked("")).decode().split("\0")
        is_known = self.server.users.get(user) == password
        self.say("auth", "235 2.7.0 welcome" if is_known else "535 5.7.8 wrong")

    def _asked(self, challenge: str) -> str:
        self.sock.sendall(f"334 {challenge}\r\n".encode())
        return self.hear()

    def do_mail(self, rest: str) -> None:
        if self.sender:
            self.say("mail", "503 5.5.1 nested MAIL")
            return
        found = re.match(r"FROM:<(.*?)>", rest, re.IGNORECASE)
        if self.say("mail", "250 2.1.0 ok").startswith("250"):
            self.sender = found[1] if found else "?"

    def do_rcpt(self, rest: str) -> None:
        found = re.match(r"TO:<(.*?)>", rest, re.IGNORECASE)
        to = found[1] if found else "?"
        answer = self.server.per_recipient.get(to, "250 2.1.5 ok" if self.sender else "503 5.5.1 MAIL first")
        if self.say("rcpt", answer).startswith("250"):
            self.recipient = to

    def do_data(self, _rest: str) -> None:
        answer = "354 go on" if self.recipient else "503 5.5.1 nobody to send it to"
        if not self.say("data", answer).startswith("354"):
            return
        lines: list[bytes] = []
        while (line := self.file.readline()) != b".\r\n":
            if not line:
                raise Gone
            lines.append(line[1:] if line.startswith(b".") else line)
        content = b"".join(lines)
        found = re.search(rb"^Message-ID: <(.*?)@", content, re.MULTILINE | re.IGNORECASE)
        arrived = Arrived(self.sender, self.recipient, content)
        self.sender = self.recipient = ""
        act = self.server.acts.get("content", "250")
        if not isinstance(act, str) or act.startswith("250"):
            self.server.arrived.append(arrived)
        self.say("content", f"250 2.0.0 Ok: queued as id-of-{found[1].decode() if found else '?'}")

    def do_rset(self, _rest: str) -> None:
        self.sender = self.recipient = ""
        self.say("rset", "250 2.0.0 ok")

    def do_noop(self, _rest: str) -> None:
        self.say("noop", "250 2.0.0 ok")

    def do_quit(self, _rest: str) -> None:
        self.say("quit", "221 2.0.0 bye")
        raise Gone
