"""What a payload becomes, without a connection: for trying an adapter out and for looking into a support question."""

from __future__ import annotations

from automation.app import App
from automation.changes import Change
from automation.errors import NotAllowed
from automation.source import Envelope, Source


def translate(app: App, kind: str, topic: str, body: bytes) -> list[Change]:
    """The changes that a platform or provider of `kind` makes of a webhook's body. No signature is asked for.

    An unknown topic gives none. Raises NotAllowed for an unknown kind, Unreadable for what cannot be read.
    """
    found: type[Source] | None = app.platforms.get(kind) or app.providers.get(kind)
    if found is None:
        known = ", ".join(sorted({*app.platforms, *app.providers}))
        raise NotAllowed(f"There is no platform or provider called {kind}; there are {known}.")
    with app.http() as http:
        source = found(found.Settings.model_construct(), http)  # a body reads the same under any settings
        return source.translate(Envelope("", topic, body, app.clock()))
