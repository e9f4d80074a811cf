"""What a provider's answer means for each message of a request."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from automation.errors import HeldBack, Later, Misconfigured, Refused, SendError, Unsure
from automation.models import Message
from automation.provider import Accepted, Mail, Outcome, Provider

Verdict = Literal["accepted", "rejected", "later", "unsure", "misconfigured", "split"]

MAX_ATTEMPTS = 12
"""About ten hours of back-off."""
POSSIBLE_DUPLICATE = "possible_duplicate"
"""The reason of a message that was sent again on a guess: it stays with it, for it happens once."""
NOT_FOUND = "not_found"
"""The reason of a message that its provider did not know when it was asked: it goes through the same one again."""
STAYING = (POSSIBLE_DUPLICATE, NOT_FOUND)
"""Reasons of messages that an earlier request may have brought after all: they stay with the connection it used."""
UNRESOLVED = "unresolved"
"""The reason of a message of which it will not be found out."""
NEVER = datetime(9999, 12, 31, tzinfo=UTC)
"""When to look at it again."""
_FIRST_WAIT = timedelta(minutes=1)
_LONGEST_WAIT = timedelta(hours=2)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One message's fate in one request."""

    message_id: int
    fence: int
    """Under which it was sent: what is not an acceptance is recorded only if the claim still stands."""
    verdict: Verdict
    provider_id: str = ""
    reason: str = ""
    detail: str = ""
    due_at: datetime | None = None
    """When to look at it again."""
    suppress: bool = False

    def as_json(self) -> dict[str, Any]:
        """For the journal: short, without what has its default."""
        short = {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != f.default}
        return short if self.due_at is None else {**short, "due_at": self.due_at.isoformat()}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Result:
        """Raises KeyError, TypeError or ValueError for what `as_json` did not write."""
        due_at = value.get("due_at")
        return cls(**{**value, "due_at": datetime.fromisoformat(due_at) if due_at else None})


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one request: an outcome per mail, or one error for all of them."""

    outcomes: Sequence[Outcome]
    error: SendError | None = None

    @property
    def is_refused_batch(self) -> bool:
        """One bad mail may have spoilt the request for the others."""
        return isinstance(self.error, Refused) and len(self.outcomes) > 1

    @property
    def concern(self) -> SendError | None:
        """What it says about the connection rather than about a mail."""
        wrong = (o for o in self.outcomes if isinstance(o, Misconfigured | HeldBack))
        return self.error or next(wrong, None)

    @property
    def may_go_on(self) -> bool:
        """Whether the next request has a chance."""
        return not isinstance(self.concern, Later | Misconfigured | Unsure)


def send(provider: Provider, mails: Sequence[Mail], key: str) -> Answer:
    """Hand a batch over. Whatever goes wrong in an adapter after the request may have left is Unsure."""
    try:
        outcomes = provider.send(mails, key)
    except SendError as error:
        return Answer([error] * len(mails), error)
    except Exception as error:
        log.exception("The %s adapter failed", provider.kind)
        unsure = Unsure(f"The adapter failed: {type(error).__name__}")
        return Answer([unsure] * len(mails), unsure)
    if len(outcomes) != len(mails):
        unsure = Unsure(f"{len(outcomes)} outcomes came back for {len(mails)} mails")
        return Answer([unsure] * len(mails), unsure)
    return Answer(outcomes)


def judge(messages: Sequence[Message], answer: Answer, at: datetime, settle: timedelta) -> list[Result]:
    """The answer to a first request, message by message."""
    if answer.is_refused_batch:
        return [Result(message_id=m.id, fence=m.fence, verdict="split", due_at=at) for m in messages]
    return [_judge(m, outcome, at, settle) for m, outcome in zip(messages, answer.outcomes, strict=True)]


def kept(m: Message, reason: str) -> str:
    """A new reason, unless the old one must not be forgotten."""
    return m.reason if m.reason == POSSIBLE_DUPLICATE else reason


def staying(m: Message, reason: str) -> str:
    """A new reason for a message that was not taken, unless an earlier request may have brought it after all."""
    return m.reason if m.reason in STAYING else reason


def _judge(m: Message, outcome: Outcome, at: datetime, settle: timedelta) -> Result:
    if isinstance(outcome, Accepted):
        return Result(message_id=m.id, fence=m.fence, verdict="accepted", provider_id=outcome.provider_id[:200])
    verdict: Verdict = "unsure"
    reason, due_at = kept(m, "no_answer"), at + settle
    if isinstance(outcome, Later):
        verdict, reason, due_at = "later", staying(m, "later"), at + wait(m, outcome.after)
        if m.attempt_count >= MAX_ATTEMPTS:
            verdict, reason = "rejected", "retries_exhausted"
    elif isinstance(outcome, Refused):
        verdict, reason = "rejected", "suppressed_by_provider" if outcome.suppress else "refused"
    elif isinstance(outcome, Misconfigured):
        verdict, reason, due_at = "misconfigured", staying(m, "misconfigured"), at
    detail = f"{outcome.code}: {outcome}" if outcome.code else str(outcome)
    return Result(
        message_id=m.id,
        fence=m.fence,
        verdict=verdict,
        reason=reason,
        detail=detail[:1000],
        due_at=due_at,
        suppress=outcome.suppress,
    )


def wait(m: Message, after: timedelta | None = None) -> timedelta:
    """How long until the next attempt: what the provider asked for, or twice as long each time.

    A quarter of it is jitter, so that what failed together does not come back together; drawn from the message's
    id and attempt, so that it is the same whoever works it out.
    """
    base = after if after is not None else min(_FIRST_WAIT * 2 ** max(0, m.attempt_count - 1), _LONGEST_WAIT)
    dice = hashlib.blake2b(f"{m.public_id}:{m.attempt_count}".encode(), digest_size=4).digest()
    return base * (1 + 0.25 * int.from_bytes(dice, "big") / 2**32)
