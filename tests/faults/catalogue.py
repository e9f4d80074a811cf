"""The faults, and what must become of a mail under each: the table that the tests hold and the documents show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Fate = Literal["accepted", "later", "unsure", "misconfigured", "refused", "one refused"]
"""What a fault does to a request. `one refused`: the last mail of the batch alone."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to misbehave."""

    fate: Fate
    wait: int | None = None
    """Seconds that the provider asked for, of a Later."""
    hangs: bool = False
    """Whether it costs a time-out."""
    is_place: bool = False
    """Whether the address is what is wrong, rather than what is answered there."""
    is_one_mails: bool = False
    """Whether a Later is said of one mail, so that the connection goes on with others."""


HTTP: dict[str, Fault] = {
    "name unknown": Fault("later", is_place=True),
    "connection refused": Fault("later", is_place=True),
    "connection not answered": Fault("later", hangs=True, is_place=True),
    "no TLS where TLS should be": Fault("later", is_place=True),
    "certificate of nobody": Fault("later", is_place=True),
    "closed before the request is read": Fault("unsure"),
    "reset before the request is read": Fault("unsure"),
    "reset after the head": Fault("unsure"),
    "silence before accepting": Fault("unsure", hangs=True),
    "silence after accepting": Fault("unsure", hangs=True),
    "100 Continue, then silence": Fault("unsure", hangs=True),
    "closed after accepting": Fault("unsure"),
    "reset after accepting": Fault("unsure"),
    "half closed after accepting": Fault("unsure"),
    "head, a letter at a time": Fault("unsure", hangs=True),
    "body, a letter at a time": Fault("unsure", hangs=True),
    "reset amid the body": Fault("unsure"),
    "body shorter than promised": Fault("unsure"),
    "body longer than promised": Fault("unsure"),
    "truncated JSON": Fault("unsure"),
    "HTML with 200": Fault("unsure"),
    "nothing with 200": Fault("unsure"),
    "null with 200": Fault("unsure"),
    "an error with 200": Fault("unsure"),
    "another charset": Fault("unsure"),
    "gzip that is none": Fault("unsure"),
    "gzip bomb": Fault("unsure"),
    "not HTTP": Fault("unsure"),
    "endless head": Fault("unsure"),
    "a result too few": Fault("unsure"),
    "a result too many": Fault("unsure"),
    "the answer twice": Fault("accepted"),
    "one mail refused": Fault("one refused"),
    "redirect": Fault("misconfigured"),
    "400": Fault("refused"),
    "401": Fault("misconfigured"),
    "403": Fault("misconfigured"),
    "404": Fault("misconfigured"),
    "413": Fault("refused"),
    "422": Fault("refused"),
    "429": Fault("later"),
    "429, wait 7 s": Fault("later", 7),
    "429, wait until a date": Fault("later", 90),
    "429, wait a year": Fault("later", 3600),
    "500": Fault("unsure"),
    "502 with HTML": Fault("unsure"),
    "503": Fault("later"),
    "503, wait 7 s": Fault("later", 7),
    "504": Fault("unsure"),
}
SMTP: dict[str, Fault] = {
    "name unknown": Fault("later", is_place=True),
    "connection refused": Fault("later", is_place=True),
    "greeting: 421": Fault("later"),
    "greeting: 554": Fault("misconfigured"),
    "greeting: closed": Fault("later"),
    "greeting: reset": Fault("later"),
    "greeting: silence": Fault("later", hangs=True),
    "greeting: a letter at a time": Fault("later", hangs=True),
    "EHLO: closed": Fault("later"),
    "EHLO: 421": Fault("later"),
    "no STARTTLS": Fault("misconfigured"),
    "certificate of nobody": Fault("misconfigured"),
    "AUTH: 535": Fault("misconfigured"),
    "AUTH: 454": Fault("later"),
    "MAIL: 451": Fault("later", is_one_mails=True),
    "MAIL: 550": Fault("misconfigured"),
    "MAIL: 552": Fault("refused"),
    "MAIL: closed": Fault("later"),
    "RCPT: 450": Fault("later", is_one_mails=True),
    "RCPT: 550": Fault("refused"),
    "RCPT: relay denied": Fault("misconfigured"),
    "RCPT: 550 for one": Fault("one refused"),
    "RCPT: silence": Fault("later", hangs=True),
    "DATA: 451": Fault("later", is_one_mails=True),
    "DATA: 554": Fault("refused"),
    "DATA: closed": Fault("later"),
    "content: 451": Fault("later", is_one_mails=True),
    "content: 554": Fault("refused"),
    "content: silence after accepting": Fault("unsure", hangs=True),
    "content: closed after accepting": Fault("unsure"),
    "content: reset after accepting": Fault("unsure"),
    "content: half an answer": Fault("unsure"),
    "content: a letter at a time": Fault("unsure", hangs=True),
    "content: not SMTP": Fault("unsure"),
}

UNCOUNTED = ("mailersend", "mailgun", "sendgrid", "ses", "sparkpost")
"""One result, or none, for the whole request: nothing to be miscounted."""
OTHERWISE: dict[tuple[str, str], Fate] = {
    **dict.fromkeys(((kind, "a result too few") for kind in UNCOUNTED), "accepted"),
    **dict.fromkeys(((kind, "a result too many") for kind in UNCOUNTED), "accepted"),
    # MailerSend looks at the mails of a batch only later, Brevo takes all of a batch or none.
    ("mailersend", "one mail refused"): "accepted",
    ("brevo", "one mail refused"): "accepted",
    # SendGrid's 202 says all there is to say.
    ("sendgrid", "truncated JSON"): "accepted",
    ("sendgrid", "body longer than promised"): "accepted",
}
"""(Provider, fault) → what happens there instead."""
ONE_BY_ONE = frozenset({"mailgun", "sendgrid", "ses", "smtp", "sparkpost"})
"""Providers that are told of each mail by itself: what one mail meets holds the others of its batch back."""


def faults_of(kind: str) -> dict[str, Fault]:
    """The faults that a provider can meet."""
    return SMTP if kind == "smtp" else HTTP


def fate_of(kind: str, fault: str) -> Fate:
    """What happens to a request of a provider under a fault."""
    return OTHERWISE.get((kind, fault)) or faults_of(kind)[fault].fate
