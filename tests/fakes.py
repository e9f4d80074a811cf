"""Collaborators that tests put in the place of the world's: a provider that does what it is told, a plain renderer."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, ClassVar, Literal

import httpx

from automation.app import App
from automation.changes import Change
from automation.errors import BadSignature, SendError
from automation.provider import Accepted, Envelope, Mail, Outcome, Provider, ProviderSettings, Request
from automation.rendering.mail import Compiled, Rendered
from automation.rendering.pool import RenderPool
from automation.rendering.process import Finished

Send = Callable[[Sequence[Mail], str], list[Outcome]]


class PlainRenderer(RenderPool):
    """Renders in this process and without Jinja: what is tried with it is not rendering."""

    def finish(
        self,
        version_key: str,  # noqa: ARG002  the pool's signature
        compiled: Compiled,
        contexts: Sequence[dict[str, Any]],
        *,
        is_strict: bool = False,  # noqa: ARG002  as above
    ) -> list[Any]:
        made = []
        for context in contexts:
            html = f"<p>{compiled.html} {context['customer']['first_name']} {context['unsubscribe_url']}</p>"
            mail = Rendered(compiled.subject, html, context["unsubscribe_url"])
            hashes = (hashlib.sha256(html.encode()).digest(), hashlib.sha256(mail.text.encode()).digest())
            made.append(Finished(mail, *hashes))
        return made


def accept_all(mails: Sequence[Mail], _key: str) -> list[Outcome]:
    """The provider's good day."""
    return [Accepted(f"id-of-{m.message_id}") for m in mails]


@dataclass
class Post:
    """What a scripted provider does, and what it was asked."""

    send: Send = accept_all
    requests: list[tuple[str, list[str]]] = field(default_factory=list)
    """(key, recipients) of each request."""
    mails: list[Mail] = field(default_factory=list)
    """Every mail of every request."""
    found: dict[str, Accepted | None] | SendError = field(default_factory=dict)
    """What `find` answers."""
    asked: list[list[str]] = field(default_factory=list)

    @property
    def recipients(self) -> list[str]:
        """Of all requests, in order."""
        return [to for _, tos in self.requests for to in tos]


class Scripted(Provider):
    """A provider that does what its class's `post` says."""

    label = "Scripted"
    Settings = ProviderSettings
    kind = "scripted"
    guarantee: ClassVar[Literal["A", "B", "C"]] = "B"
    batch_size = 3
    post: ClassVar[Post]

    def send(self, mails: Sequence[Mail], key: str) -> list[Outcome]:
        self.post.requests.append((key, [m.to_email for m in mails]))
        self.post.mails += mails
        return self.post.send(mails, key)

    def find(self, message_ids: Sequence[str], since: datetime) -> dict[str, Accepted | None]:  # noqa: ARG002  as above
        self.post.asked.append(list(message_ids))
        if isinstance(self.post.found, SendError):
            raise self.post.found
        return {i: self.post.found[i] for i in message_ids if i in self.post.found}

    def check(self) -> str:
        return "It is there."

    def open(self, request: Request, now: datetime) -> Envelope:  # noqa: ARG002  the contract's signature
        raise BadSignature

    def translate(self, envelope: Envelope) -> list[Change]:  # noqa: ARG002  as above
        return []


def scripted(app: App, guarantee: Literal["A", "B", "C"], batch_size: int = 3) -> tuple[App, Post]:
    """An App whose provider `scripted` is of a class, and what to tell it."""
    post = Post()
    kind = type("ScriptedKind", (Scripted,), {"guarantee": guarantee, "batch_size": batch_size, "post": post})
    app.renderer.close()
    changed = replace(app, providers={**app.providers, "scripted": kind}, renderer=PlainRenderer(0), http=httpx.Client)
    return changed, post
