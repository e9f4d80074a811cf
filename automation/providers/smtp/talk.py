"""A connection to an SMTP server: opened once, kept for a sender thread's next batch, and spoken over.

Commands of one mail leave together where the server offers PIPELINING (RFC 2920), and with them the content of the
mail before: one round trip a mail instead of four. Whatever goes wrong after a mail's content may have left, and
before its answer came, is Unsure for that mail alone; the mails behind it have not left.
"""

from __future__ import annotations

import io
import os
import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from automation.bounces import verdict_of
from automation.clock import stopwatch
from automation.errors import HeldBack, Later, Misconfigured, Refused, SendError, Unsure
from automation.provider import Accepted, Outcome
from automation.providers.smtp.letter import Letter

IDLE = 30.0
"""Seconds after which a kept connection is not trusted any more."""
BUDGET = 40.0
"""Seconds for a batch; what has not left by then waits, so that its lease does not run out meanwhile."""
_QUEUED = re.compile(r"(?:queued as|queued mail for delivery as|id=|\bid\b)\s*<?([A-Za-z0-9._@-]{4,})", re.IGNORECASE)
_RELAY = re.compile(r"relay", re.IGNORECASE)

Reply = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Server:
    """Where to connect, and as whom."""

    host: str
    port: int
    security: str
    """starttls, tls or none."""
    user: str
    password: str = field(repr=False)
    authority: str
    """PEM of an authority to trust beside the known ones; may be empty."""
    hello: str
    timeout: float
    """Seconds for each answer."""


class _Timed(io.RawIOBase):
    """A socket's incoming bytes, all of an answer within the time: a byte a second is no answer."""

    def __init__(self, sock: socket.socket, timeout: float) -> None:
        self._sock, self._timeout = sock, timeout
        self.begin()

    def begin(self) -> None:
        self._until = stopwatch() + self._timeout

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # what BufferedReader hands in
        left = self._until - stopwatch()
        if left <= 0:
            raise TimeoutError("no answer in time")
        self._sock.settimeout(left)
        return self._sock.recv_into(buffer)


class _Smtp(smtplib.SMTP):
    """The standard library's client, over a socket that we opened and with answers that we time."""

    def __init__(self, sock: socket.socket, server: Server) -> None:
        super().__init__(local_hostname=server.hello or "[127.0.0.1]", timeout=server.timeout)
        self.sock: socket.socket | None = sock
        self._timed: _Timed | None = None

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None:
            assert self.sock is not None
            self._timed = _Timed(self.sock, self.timeout)
            self.file = io.BufferedReader(self._timed)
        assert self._timed is not None
        self._timed.begin()
        return super().getreply()

    def secure(self, context: ssl.SSLContext, host: str) -> None:
        """TLS from here on. What came before, and was not read yet, is forgotten: it may be anybody's."""
        assert self.sock is not None
        self.sock.settimeout(self.timeout)
        self.sock = context.wrap_socket(self.sock, server_hostname=host)
        self.file = None
        self.ehlo_resp = self.helo_resp = None
        self.esmtp_features = {}
        self.does_esmtp = False


class Line:
    """An open, authenticated connection."""

    def __init__(self, server: Server) -> None:
        """Connect. Raises Later or Misconfigured: no mail has left."""
        self.server = server
        self._used_at = stopwatch()
        self._smtp = _connected(server)
        try:
            self._introduce()
        except BaseException:
            self.close()
            raise

    def _introduce(self) -> None:
        server, smtp = self.server, self._smtp
        try:
            if server.security == "tls":
                smtp.secure(_context(server.authority), server.host)
            _expect(smtp.getreply(), 220)
            _greet(smtp)
            if server.security == "starttls":
                if not smtp.has_extn("starttls"):
                    raise Misconfigured("The server offers no STARTTLS; nothing is sent unencrypted.")
                _expect(smtp.docmd("STARTTLS"), 220)
                smtp.secure(_context(server.authority), server.host)
                _greet(smtp)
            if server.user:
                smtp.login(server.user, server.password)
        except SendError:
            raise
        except ssl.SSLCertVerificationError as error:
            raise Misconfigured(f"The server's certificate is not good: {error.verify_message}") from error
        except smtplib.SMTPNotSupportedError as error:
            raise Misconfigured("The server takes no user and password; leave the user out?") from error
        except smtplib.SMTPResponseException as error:
            said = f"{error.smtp_code}: {_words(error.smtp_error)}"
            kind = Later if 400 <= error.smtp_code < 500 else Misconfigured
            raise kind(said, code=str(error.smtp_code)) from error
        except (OSError, smtplib.SMTPException) as error:
            raise Later(f"No connection: {type(error).__name__}: {error}"[:300]) from error

    @property
    def offers(self) -> dict[str, str]:
        """The server's extensions, in lower case."""
        return self._smtp.esmtp_features

    @property
    def tls(self) -> str:
        """The version of TLS; empty without."""
        sock = self._smtp.sock
        return sock.version() or "" if isinstance(sock, ssl.SSLSocket) else ""

    def is_alive(self) -> bool:
        """Whether the server still answers on it."""
        if self._smtp.sock is None or stopwatch() - self._used_at > IDLE:
            return False
        with suppress(OSError, smtplib.SMTPException):
            return self._smtp.rset()[0] == 250
        return False

    def close(self) -> None:
        """Hang up."""
        with suppress(OSError, smtplib.SMTPException):
            if self._smtp.sock is not None:
                self._smtp.sock.settimeout(1)
                self._smtp.sock.sendall(b"QUIT\r\n")
        self._smtp.close()

    def hand_over(self, letters: Sequence[Letter]) -> list[Outcome]:
        """Send letters; one outcome each, in order. Those that did not leave are HeldBack."""
        until = stopwatch() + BUDGET
        outcomes: dict[int, Outcome] = {}
        unanswered: int | None = None
        why = "There was no time for it."
        try:
            for n in (*range(len(letters)), None):
                here = None if n is None or stopwatch() > until else n
                content = b"" if unanswered is None else letters[unanswered].content
                commands, refused = self._commands(letters, here)
                replies = self._talk(content, commands)
                if unanswered is not None:
                    answered = outcomes[unanswered] = _answered(next(replies))
                    unanswered = None
                    if isinstance(answered, Unsure):
                        raise smtplib.SMTPServerDisconnected("an answer that is none")
                if here is None:
                    break
                refused = refused or self._opened(replies)
                if refused is None:
                    unanswered = here
                else:
                    outcomes[here] = refused
        except (OSError, smtplib.SMTPException) as error:
            self.close()
            why = f"The connection broke: {type(error).__name__}: {error}"[:300]
            if unanswered is not None:
                outcomes[unanswered] = Unsure(f"The mail left, and then: {why}")
        self._used_at = stopwatch()
        return [outcomes.get(n) or HeldBack(why) for n in range(len(letters))]

    def _commands(self, letters: Sequence[Letter], n: int | None) -> tuple[list[bytes], SendError | None]:
        if n is None:
            return [], None
        try:
            return letters[n].commands(self.offers), None
        except Refused as error:
            return [], error

    def _talk(self, content: bytes, commands: Sequence[bytes]) -> Iterator[Reply]:
        """Say something and hear what is answered to each part of it."""
        said = [part for part in (content, *commands) if part]
        if "pipelining" in self.offers:
            self._say(b"".join(said))
            for _ in said:
                yield self._hear()
            return
        for part in said:
            self._say(part)
            yield self._hear()

    def _say(self, data: bytes) -> None:
        if data:
            if self._smtp.sock is None:
                raise smtplib.SMTPServerDisconnected("it is closed")
            self._smtp.sock.settimeout(self.server.timeout)
            self._smtp.sock.sendall(data)

    def _hear(self) -> Reply:
        code, text = self._smtp.getreply()
        return code, _words(text)

    def _opened(self, replies: Iterator[Reply]) -> SendError | None:
        """The answers to MAIL, RCPT and DATA; None when the server waits for the content."""
        refused: SendError | None = None
        code = 0
        for judge in (_sender_judged, _recipient_judged, _data_judged):
            code, text = next(replies)
            if not 200 <= code < 600:
                raise smtplib.SMTPServerDisconnected(f"an answer that is none: {code} {text}"[:200])
            refused = refused or judge(code, text)
            if refused is not None and "pipelining" not in self.offers:
                break
        if refused is None:
            return None
        if code == 354:  # it waits for content, for nobody
            self._say(b".\r\n")
            self._hear()
        self._say(b"RSET\r\n")
        code, text = self._hear()
        if code != 250:  # answers and commands do not belong together any more
            raise smtplib.SMTPServerDisconnected(f"an answer to something else: {code} {text}"[:200])
        return refused


def _connected(server: Server) -> _Smtp:
    try:
        sock = socket.create_connection((server.host, server.port), timeout=server.timeout)
    except (OSError, UnicodeError) as error:
        raise Later(f"No connection: {type(error).__name__}: {error}"[:300]) from error
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return _Smtp(sock, server)


def _context(authority: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if authority:
        context.load_verify_locations(cadata=authority)
    return context


def _greet(smtp: _Smtp) -> None:
    """EHLO, or HELO to a server that does not know it. Raises SMTPResponseException."""
    code, text = smtp.ehlo()
    if code >= 500:
        code, text = smtp.helo()
    if code != 250:
        raise smtplib.SMTPResponseException(code, text)


def _expect(reply: tuple[int, bytes], code: int) -> None:
    if reply[0] != code:
        raise smtplib.SMTPResponseException(reply[0], reply[1])


def _words(text: bytes | str) -> str:
    said = text.decode(errors="replace") if isinstance(text, bytes) else text
    return " ".join(said.split())[:500]


def _sender_judged(code: int, text: str) -> SendError | None:
    """What the answer to MAIL means. It is about us, unless the mail is too large."""
    if 200 <= code < 300:
        return None
    return _error(code, text, Refused if code == 552 else Misconfigured)


def _recipient_judged(code: int, text: str) -> SendError | None:
    if 200 <= code < 300:
        return None
    is_ours = code in {530, 535} or (code >= 500 and bool(_RELAY.search(text)))
    return _error(code, text, Misconfigured if is_ours else Refused)


def _data_judged(code: int, text: str) -> SendError | None:
    if code == 354:
        return None
    return _error(code, text, Refused) if code >= 400 else Later(f"{code}: {text}", code=str(code))


def _answered(reply: Reply) -> Outcome:
    """What the answer to a mail's content means."""
    code, text = reply
    if 200 <= code < 300:
        found = _QUEUED.search(text)
        return Accepted(found[1] if found else "")
    if 400 <= code < 600:
        return _error(code, text, Refused)
    return Unsure(f"The mail left, and the answer was none: {code} {text}"[:300])


def _error(code: int, text: str, permanent: type[Refused | Misconfigured]) -> SendError:
    said = f"{code}: {text}"[:500]
    if code < 500:
        return Later(said, code=str(code))
    if permanent is Refused:
        return Refused(said, code=str(code), suppress=verdict_of(text) == "hard")
    return Misconfigured(said, code=str(code))


class _Own(threading.local):
    line: Line | None = None
    process: int = 0


_own = _Own()


def line(server: Server) -> Line:
    """This thread's connection to a server, opened if there is none that still answers.

    Raises Later or Misconfigured.
    """
    kept = _own.line
    if kept is not None and _own.process == os.getpid():  # a fork must not write to its parent's socket
        if kept.server == server and kept.is_alive():
            return kept
        hang_up()
    _own.line, _own.process = Line(server), os.getpid()
    return _own.line


def hang_up() -> None:
    """Close this thread's connection."""
    kept, _own.line = _own.line, None
    if kept is not None:
        kept.close()
