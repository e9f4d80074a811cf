"""Mailbox: mails stay here, nobody gets one.

A store's provider until a real one is connected. Every mail is decided on, rendered and accepted as it would be
otherwise, and can be read under Mailbox; nothing leaves this machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, Literal

from automation.changes import Change
from automation.errors import BadSignature
from automation.mail_flaws import send_sound
from automation.provider import Accepted, Envelope, Mail, Outcome, Provider, ProviderSettings, Request


class Mailbox(Provider):
    """Keeps every mail and sends none. It needs no settings and never uses the network."""

    label = "Mailbox"
    guarantee: ClassVar[Literal["A", "B", "C"]] = "A"
    batch_size = 500

    class Settings(ProviderSettings):
        """There is nothing to fill in."""

    def send(self, mails: Sequence[Mail], key: str) -> list[Outcome]:  # noqa: ARG002  the same mail has the same id anyway
        return send_sound(mails, lambda sound: [Accepted(f"mailbox-{mail.message_id}") for mail in sound])

    def check(self) -> str:
        return "Mails stay in the mailbox here and go to nobody."

    def open(self, request: Request, now: datetime) -> Envelope:  # noqa: ARG002  nobody may speak for it
        raise BadSignature("The mailbox has no webhooks.")

    def translate(self, envelope: Envelope) -> list[Change]:  # noqa: ARG002  there is never one
        return []
