"""What an enhanced mail status code (RFC 3463) says of a bounce, whoever reports it.

A code may soften what a provider says, never harden it: suppressing an address is hard to undo, and five soft
bounces in a row suppress it as well.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["hard", "soft", "policy"]

TABLE: dict[str, Verdict] = {
    "5.1.1": "hard",  # no such mailbox
    "5.1.2": "hard",  # no such domain
    "5.1.3": "hard",  # not an address
    "5.1.6": "hard",  # moved, nobody knows where
    "5.1.10": "hard",  # the domain takes no mail
    "5.2.1": "soft",  # mailbox disabled, perhaps for a while
    "5.2.2": "soft",  # mailbox full
    "5.2.3": "soft",  # too large for this mailbox
    "5.3.4": "soft",  # too large for this system
    "5.3": "soft",  # the receiving system has a problem
    "5.4": "soft",  # routing
    "5.6": "policy",  # the content
    "5.7": "policy",  # they object to the sender or the mail, not to the address
    "4.7": "policy",
    "4": "soft",
}
"""The longest beginning that fits counts."""

_CODE = re.compile(r"(?<![\d.])([45])\.(\d{1,3})\.(\d{1,3})(?![\d.]*\d)")


@dataclass(frozen=True, slots=True)
class Bounce:
    """A bounce in our words: the event's name, and whether the receiver objects to the sender."""

    event: Literal["hard_bounce", "soft_bounce"]
    is_policy: bool = False


def verdict_of(text: str) -> Verdict | None:
    """What the first enhanced status code in `text` says; None when there is none, or none that is known."""
    found = _CODE.search(text)
    if found is None:
        return None
    parts = found.groups()
    for length in (3, 2, 1):
        if known := TABLE.get(".".join(parts[:length])):
            return known
    return None


def read(event: Literal["hard_bounce", "soft_bounce"], text: str, *, is_policy: bool = False) -> Bounce:
    """The bounce that a provider calls `event`, seen with the diagnostic text that it passed on."""
    verdict = verdict_of(text)
    if verdict == "soft":
        event = "soft_bounce"
    return Bounce(event, is_policy or verdict == "policy")
