"""Any mail that was ever sent, once more, byte for byte."""

from __future__ import annotations

from sqlalchemy.orm import Session

from automation.app import App
from automation.provider import Mail


def again(app: App, session: Session, message_id: int) -> tuple[Mail, bool]:
    """The mail of a message from its stored variables, and whether it is exactly what was sent.

    Raises NotAllowed for a message that was never rendered, TemplateBroken when it cannot be rendered any more.
    """
    raise NotImplementedError
