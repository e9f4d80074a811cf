"""Opens the demo: loads the shop if it is not there, makes an owner, and knows what a visitor is told."""

from __future__ import annotations

from sqlalchemy import func, select

from automation.actions.admins import create_admin, login_link, wall_time
from automation.app import App
from automation.demo import shop
from automation.models import SENT, Admin, Message

OWNER = "owner@example.com"


def ensure_loaded(app: App, progress: shop.Progress) -> bool:
    """Load the demo shop, or what is missing of it; False when it was complete."""
    if shop.is_loaded(app):
        return False
    shop.load(app, app.clock(), progress)
    return True


def fresh_link(app: App) -> str:
    """An address that logs the demo's owner in once."""
    now = wall_time(app)
    with app.db.write() as session:
        owner = session.scalars(select(Admin).where(Admin.role == "owner").order_by(Admin.id)).first()
        owner = owner or create_admin(session, OWNER, now, name="Robin Wren")
        token = login_link(session, owner, now)
    return f"{app.settings.public_url}/login/{token}"


def mails_sent(app: App) -> int:
    """How many mails have left, which in the demo means: are in the mailbox."""
    with app.db.read() as session:
        return session.scalar(select(func.count(Message.id)).where(Message.state.in_(SENT))) or 0
