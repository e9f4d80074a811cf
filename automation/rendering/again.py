"""Any mail that was ever sent, once more, byte for byte."""

from __future__ import annotations

from sqlalchemy.orm import Session

from automation.app import App
from automation.errors import NotAllowed, TemplateBroken
from automation.models import Message, Rendering
from automation.provider import Mail
from automation.rendering.compose import compose
from automation.rendering.versions import versions
from automation.security import same


def again(app: App, session: Session, message_id: int) -> tuple[Mail, bool]:
    """The mail of a message from its stored variables, and whether it is exactly what was sent.

    Raises NotAllowed for a message that was never rendered, TemplateBroken when it cannot be rendered any more.
    """
    message, rendering = session.get(Message, message_id), session.get(Rendering, message_id)
    if message is None or rendering is None or "envelope" not in rendering.variables:
        raise NotAllowed("This mail was never rendered, or what it was made of has been erased.")
    versions(app, session, [message.template_version_id])
    found = compose(app, [message], {message.id: rendering.variables})[0]
    if isinstance(found, TemplateBroken):
        raise found
    return found.mail, same(found.payload_hash, rendering.payload_hash)
