"""What a payload becomes, without a connection: for trying an adapter out and for looking into a support question."""

from __future__ import annotations

import hashlib

from automation.app import App
from automation.changes import Change
from automation.errors import NotAllowed
from automation.source import Envelope, Source, read_json


def translate(app: App, kind: str, topic: str, body: bytes) -> list[Change]:
    """The changes that a platform or provider of `kind` makes of a webhook's body. No signature is asked for.

    Where the body itself names its topic, that counts and `topic` may be anything. An unknown topic gives none.
    Raises NotAllowed for an unknown kind, Unreadable for what cannot be read.
    """
    found: type[Source] | None = app.platforms.get(kind) or app.providers.get(kind)
    if found is None:
        known = ", ".join(sorted({*app.platforms, *app.providers}))
        raise NotAllowed(f"There is no platform or provider called {kind}; there are {known}.")
    with app.http() as http:
        source = found(found.Settings.model_construct(), http)  # a body reads the same under any settings
        if source.topic_field:
            topic = source.topic_in(read_json(body))
        # A delivery has an id; the one of a file is its own hash.
        delivery_id = hashlib.sha256(body).hexdigest()
        return source.translate(Envelope(delivery_id, topic, body, app.clock()))
