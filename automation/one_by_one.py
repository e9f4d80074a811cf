"""One request per mail, several at a time: for providers whose batches cannot hold different bodies.

The first mail goes alone. Only when it was answered do the others follow, so that a provider in trouble costs one
request and not a batch of them; whoever meets trouble later stops those that have not left yet.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from automation.clock import stopwatch
from automation.errors import HeldBack, Later, Misconfigured, SendError, Unsure
from automation.provider import Mail, Outcome

LANES = 8
"""Requests under way at a time; the sender's client keeps ten connections open."""
BATCH = 40
"""Mails in a call: what is unknown after a crash, against what a transaction per batch costs."""
PATIENCE = 20.0
"""Seconds after which no further request leaves; the lease of the batch is a small multiple of it."""

log = logging.getLogger(__name__)


def one_by_one(mails: Sequence[Mail], submit: Callable[[Mail], Outcome]) -> list[Outcome]:
    """Submit each mail in a request of its own; one outcome per mail, in order.

    `submit` is called from several threads and raises SendError like a batch's. Mails that were not tried are
    HeldBack. Raises the first mail's error when it is the only one, and when it is Later or Misconfigured: then no
    mail was taken.
    """
    began = stopwatch()
    first = _outcome(mails[0], submit)
    if isinstance(first, Later | Misconfigured) or (len(mails) == 1 and isinstance(first, SendError)):
        raise first
    trouble = _Trouble(first)

    def next_one(mail: Mail) -> Outcome:
        if trouble.cause is None and stopwatch() - began > PATIENCE:
            trouble.see(Later("The provider is too slow for so many mails."))
        if trouble.cause is not None:
            return HeldBack(f"Not tried: {trouble.cause}"[:500], after=getattr(trouble.cause, "after", None))
        outcome = _outcome(mail, submit)
        trouble.see(outcome)
        return outcome

    if len(mails) == 1 or trouble.cause is not None:
        return [first, *map(next_one, mails[1:])]
    with ThreadPoolExecutor(min(LANES, len(mails) - 1), thread_name_prefix="lane") as lanes:
        return [first, *lanes.map(next_one, mails[1:])]


class _Trouble:
    """What the first mail met that was not its own fault."""

    def __init__(self, outcome: Outcome) -> None:
        self.cause: SendError | None = None
        self._lock = threading.Lock()
        self.see(outcome)

    def see(self, outcome: Outcome) -> None:
        if isinstance(outcome, Later | Misconfigured | Unsure):
            with self._lock:
                self.cause = self.cause or outcome


def _outcome(mail: Mail, submit: Callable[[Mail], Outcome]) -> Outcome:
    try:
        return submit(mail)
    except SendError as error:
        return error
    except Exception as error:
        # The others' outcomes are known and must not be lost with this one.
        log.exception("A mail could not be submitted")
        return Unsure(f"The adapter failed: {type(error).__name__}")
