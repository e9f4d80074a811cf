"""A mail as it travels over SMTP: envelope, headers, and both bodies in multipart/alternative.

Put together by hand: the standard library's generator takes several times as long for the same mail (bench/smtp.py
measures both). Formats: RFC 5322 (headers), 2045 and 2046 (bodies), 2047 (words in headers), 5321 (dots), 6531
(international addresses), 3461 (ENVID). Everything but an international address is 7-bit, so that no relay on the
way has to recode it and break its DKIM signature.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import format_datetime

import idna

from automation.addresses import written
from automation.errors import Misconfigured, Refused
from automation.provider import Mail

LONGEST_LINE = 998
"""Of a line without its end, by RFC 5322."""
_WORD = 45
"""Bytes in an encoded word: 60 letters of base64, 72 with what stands around them."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail, ready for the wire."""

    message_id: str
    sender: str
    recipient: str
    content: bytes
    """Headers and bodies, dots doubled, with the dot that ends it."""
    is_international: bool
    """Whether an address needs SMTPUTF8."""

    def commands(self, offers: Mapping[str, str]) -> list[bytes]:
        """MAIL, RCPT and DATA for a server that offers these extensions (in lower case).

        Raises Refused when it cannot carry an international address.
        """
        if self.is_international and "smtputf8" not in offers:
            raise Refused("The server does not carry addresses with letters beyond ASCII.", code="smtputf8")
        more = f" SIZE={len(self.content)}" if "size" in offers else ""
        more += " BODY=8BITMIME SMTPUTF8" if self.is_international else ""
        more += f" RET=HDRS ENVID={self.message_id}" if "dsn" in offers else ""
        return [
            f"MAIL FROM:<{self.sender}>{more}\r\n".encode(),
            f"RCPT TO:<{self.recipient}>\r\n".encode(),
            b"DATA\r\n",
        ]


def letter(mail: Mail, bounce_address: str = "") -> Letter:
    """Put a mail together. Raises Refused or Misconfigured for an address whose domain is none."""
    recipient = _address(mail.to_email, Refused)
    sender = _address(mail.from_email, Misconfigured)
    reply_to = _address(mail.reply_to, Misconfigured) if mail.reply_to else ""
    returned = _address(bounce_address, Misconfigured) if bounce_address else sender
    boundary = f"=_{mail.message_id}"  # neither quoted-printable nor base64 can hold "=_"
    headers = {
        "From": _mailbox(mail.from_name, sender),
        "To": _mailbox(mail.to_name, recipient),
        **({"Reply-To": reply_to} if reply_to else {}),
        "Subject": _text(mail.subject),
        **({"Date": format_datetime(mail.dated_at)} if mail.dated_at else {}),
        "Message-ID": f"<{mail.message_id}@{sender.rpartition('@')[2]}>",
        "MIME-Version": "1.0",
        **{name: _text(value) for name, value in mail.headers.items()},
        "Content-Type": f'multipart/alternative; boundary="{boundary}"',
    }
    head = "".join(f"{_folded(f'{name}: {value}')}\r\n" for name, value in headers.items()).encode()
    edge = f"--{boundary}".encode()
    parts = (
        b"%s\r\nContent-Type: text/%s; charset=utf-8\r\n%s\r\n" % (edge, kind, _encoded(body))
        for kind, body in ((b"plain", mail.text), (b"html", mail.html))
    )
    content = b"%s\r\n%s%s--\r\n" % (head, b"".join(parts), edge)
    return Letter(
        mail.message_id,
        returned,
        recipient,
        content.replace(b"\r\n.", b"\r\n..") + b".\r\n",
        not (recipient + sender + reply_to + returned).isascii(),
    )


def _address(email: str, error: type[Refused | Misconfigured]) -> str:
    """The domain in ASCII, as every server understands it."""
    local, _, domain = email.rpartition("@")
    if domain.isascii():
        return email
    try:
        return f"{local}@{idna.encode(domain, uts46=True).decode()}"
    except idna.IDNAError as problem:
        raise error("The domain of an address is not one.", code="address") from problem


def _mailbox(name: str, email: str) -> str:
    if name.isascii() and "=?" not in name:
        return written(name, email)
    return f"{_words(name)} <{email}>"


def _text(value: str) -> str:
    """A header's value. What looks like an encoded word without being one is encoded too."""
    return value if value.isascii() and "=?" not in value else _words(value)


def _words(text: str) -> str:
    """Encoded words (RFC 2047); none of them cuts a letter in two."""
    chunks = [b""]
    for letter_ in text:
        data = letter_.encode()
        if len(chunks[-1]) + len(data) > _WORD:
            chunks.append(b"")
        chunks[-1] += data
    return "\r\n ".join(f"=?utf-8?b?{base64.b64encode(c).decode()}?=" for c in chunks)


def _folded(line: str) -> str:
    """A header line, broken at blanks where it is too long."""
    if len(line) <= LONGEST_LINE or "\r\n" in line:
        return line
    lines = [""]
    for word in line.split(" "):
        if len(lines[-1]) + len(word) + 1 > LONGEST_LINE and lines[-1].strip():
            lines.append("")
        lines[-1] += f" {word}" if lines[-1] or len(lines) > 1 else word
    return "\r\n".join(lines)


def _encoded(body: str) -> bytes:
    """A body with the header that says how it is encoded: quoted-printable, or base64 where that is shorter."""
    text = body.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
    data = text.encode()
    # A letter beyond ASCII takes three bytes for each of its own in one, four for three in the other.
    beyond = len(data) - len(data.translate(None, delete=_BEYOND))
    if beyond * 6 > len(data):
        coded = base64.encodebytes(data).replace(b"\n", b"\r\n")
        return b"Content-Transfer-Encoding: base64\r\n\r\n" + coded
    return b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + binascii.b2a_qp(data)


_BEYOND = bytes(range(128, 256))
