"""The last look at a mail before it goes to a provider: what could become another header or another recipient.

Templates and shop data end in subjects, names and addresses. A line break in one of them, or a comma in an
address, is refused here, whatever the provider would make of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from automation.errors import Misconfigured, Refused, SendError
from automation.provider import Mail, Outcome

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\x85\u2028\u2029]")
_ADDRESS = re.compile(r"[^\s,;:<>()\[\]\"\\@\x00-\x1f\x7f]+@[^\s,;:<>()\[\]\"\\@\x00-\x1f\x7f]+")
_HEADER = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
RESERVED = frozenset(
    {"from", "sender", "to", "cc", "bcc", "subject", "reply-to", "date", "received", "dkim-signature", "return-path"}
    | {"mime-version", "content-type", "content-transfer-encoding", "content-disposition"}
)
"""Headers that a mail's own fields, or the provider, write."""


def flaw_of(mail: Mail) -> SendError | None:
    """Why a mail cannot be sent as it is: Refused for what is its own, Misconfigured for its sender; else None."""
    for name, value in (("from_email", mail.from_email), ("reply_to", mail.reply_to)):
        if (value or name == "from_email") and not _ADDRESS.fullmatch(value):
            return Misconfigured(f"The sender's {name} is not one plain address.", code="sender")
    if _CONTROL.search(mail.from_name):
        return Misconfigured("The sender's from_name holds a line break or control character.", code="sender")
    if not _ADDRESS.fullmatch(mail.to_email):
        return Refused("The recipient's to_email is not one plain address.", code="address")
    for name, value in (("to_name", mail.to_name), ("subject", mail.subject)):
        if _CONTROL.search(value):
            return Refused(f"The mail's {name} holds a line break or control character.", code="header_injection")
    try:
        f"{mail.from_name}{mail.to_name}{mail.subject}".encode()
        mail.html.encode()
        mail.text.encode()
    except UnicodeEncodeError:
        return Refused("The mail holds half of a surrogate pair, which no encoding can carry.", code="text")
    if not _ID.fullmatch(mail.message_id) or (mail.campaign and not _ID.fullmatch(mail.campaign)):
        return Refused("The mail's message_id or campaign is none of our ids.", code="id")
    return _header_flaw(mail)


def _header_flaw(mail: Mail) -> SendError | None:
    for name, value in mail.headers.items():
        if not _HEADER.fullmatch(name) or name.lower() in RESERVED:
            return Refused(f"A mail may not set the header {name[:60]!r}.", code="header_injection")
        if _CONTROL.search(value):
            return Refused(f"The header {name} holds a line break or control character.", code="header_injection")
    return None


def send_sound(mails: Sequence[Mail], submit: Callable[[Sequence[Mail]], list[Outcome]]) -> list[Outcome]:
    """Refuse the flawed mails of a batch and `submit` the rest; one outcome per mail, in order."""
    flaws = [flaw_of(mail) for mail in mails]
    sound = [mail for mail, flaw in zip(mails, flaws, strict=True) if flaw is None]
    submitted = iter(submit(sound) if sound else [])
    return [next(submitted) if flaw is None else flaw for flaw in flaws]
