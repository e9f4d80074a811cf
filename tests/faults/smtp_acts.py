"""What a mail server does under each fault, and the settings that lead to it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from tests import certificates
from tests.mail_server import Act, MailServer, close, drip, half, hang, reset

CLOSED = 1
"""A port on which nobody listens."""
ACTS: dict[str, dict[str, Act]] = {
    "greeting: 421": {"greeting": "421 4.3.2 come back"},
    "greeting: 554": {"greeting": "554 5.3.2 no mail service here"},
    "greeting: closed": {"greeting": close},
    "greeting: reset": {"greeting": reset},
    "greeting: silence": {"greeting": hang},
    "greeting: a letter at a time": {"greeting": drip},
    "EHLO: closed": {"ehlo": close},
    "EHLO: 421": {"ehlo": "421 4.3.2 come back"},
    "AUTH: 535": {"auth": "535 5.7.8 wrong"},
    "AUTH: 454": {"auth": "454 4.7.0 not now"},
    "MAIL: 451": {"mail": "451 4.3.0 busy"},
    "MAIL: 550": {"mail": "550 5.7.1 not your address"},
    "MAIL: 552": {"mail": "552 5.3.4 too large"},
    "MAIL: closed": {"mail": close},
    "RCPT: 450": {"rcpt": "450 4.2.0 greylisted"},
    "RCPT: 550": {"rcpt": "550 5.2.1 disabled"},
    "RCPT: relay denied": {"rcpt": "554 5.7.1 Relay access denied"},
    "RCPT: silence": {"rcpt": hang},
    "DATA: 451": {"data": "451 4.3.0 busy"},
    "DATA: 554": {"data": "554 5.3.0 no"},
    "DATA: closed": {"data": close},
    "content: 451": {"content": "451 4.3.0 not now"},
    "content: 554": {"content": "554 5.6.0 no"},
    "content: silence after accepting": {"content": hang},
    "content: closed after accepting": {"content": close},
    "content: reset after accepting": {"content": reset},
    "content: half an answer": {"content": half},
    "content: a letter at a time": {"content": drip},
    "content: not SMTP": {"content": lambda _: "HTTP/1.1 400 Bad Request"},
}


def server_of(fault: str) -> AbstractContextManager[MailServer]:
    """A server with this fault."""
    server = MailServer(dict(ACTS.get(fault, {})))
    if fault == "certificate of nobody":
        server.context = certificates.made()[1]
    if fault.startswith("AUTH"):
        server.users["u"] = "p"
    if fault == "RCPT: 550 for one":
        server.per_recipient = dict.fromkeys(("ada@example.com", "cid@example.com"), "550 5.2.1 disabled")
    return server


def settings_of(fault: str, server: MailServer, patience: float, *, is_mended: bool) -> dict[str, Any]:
    """What leads to it."""
    found: dict[str, Any] = {"host": "127.0.0.1", "port": server.port, "security": "none", "timeout": patience}
    if fault.startswith("AUTH"):
        found |= {"user": "u", "password": "p"}
    if is_mended:
        return found
    if fault == "name unknown":
        found["host"] = "nowhere.invalid"
    if fault == "connection refused":
        found["port"] = CLOSED
    if fault in {"no STARTTLS", "certificate of nobody"}:
        found |= {"security": "starttls", "host": "localhost"}
    return found
