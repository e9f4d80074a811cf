"""From messages and their variables to finished mails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from automation.app import App
from automation.errors import TemplateBroken
from automation.models import Message
from automation.provider import Mail
from automation.rendering.context import Variables


@dataclass(frozen=True, slots=True)
class Composed:
    """A finished mail and the hash that is stored with it."""

    mail: Mail
    payload_hash: str


def compose(
    app: App, messages: Sequence[Message], variables: Mapping[int, Variables]
) -> list[Composed | TemplateBroken]:
    """One result per message, in order: the mail, or why it cannot be rendered. Call it outside a transaction.

    A message without variables gets TemplateBroken: it has no recipient.
    """
    raise NotImplementedError


def payload_hash(mail: Mail) -> str:
    """SHA-256 in hex over everything that is sent; equal mails have equal hashes, in every process."""
    raise NotImplementedError
