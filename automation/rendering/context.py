"""What templates know: for a whole batch of messages, in a constant number of statements, and only what is used."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from automation.app import App
from automation.models import Message

Variables = dict[str, Any]
"""{"envelope": {…}, "values": {…}}: plain JSON, stored as `Rendering.variables`.

`envelope` holds sender, recipient, base URL and what the headers need; `values` the template's top-level names.
Nothing else than these, the template version and the message's public id goes into a mail.
"""


def load(app: App, session: Session, messages: Sequence[Message], now: datetime) -> dict[int, Variables]:
    """Each message's variables, by message id. Only the names that its template version uses are loaded.

    A message whose customer has no address (any more) is left out.
    """
    raise NotImplementedError
