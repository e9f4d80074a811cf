"""Who runs the store: inviting people, what they may do, and taking their keys back."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation import audit
from automation.actions import admins
from automation.errors import NotAllowed, Unknown
from automation.models import Admin

INVITED = timedelta(days=3)
"""How long the link of an invitation lets its owner in."""
ROLES = ("owner", "manager", "editor", "viewer")


def find(session: Session, admin_id: int) -> Admin:
    """An admin. Raises Unknown where there is none."""
    row = session.get(Admin, admin_id)
    if row is None:
        raise Unknown("There is no such person.")
    return row


def invite(session: Session, email: str, name: str, role: str, now: datetime, admin_id: int) -> tuple[Admin, str]:
    """Add somebody; they, and the token of the link that lets them in once.

    Raises Unreadable for what is no address, NotAllowed where somebody has it or there is no such role.
    """
    _require_role(role)
    row = admins.create_admin(session, email, now, name=name.strip()[:200], role=role)
    audit.note(session, admin_id, "admin.invited", row.id, now, role=role)
    return row, admins.login_link(session, row, now, INVITED)


def link(session: Session, row: Admin, now: datetime, admin_id: int) -> str:
    """The token of another link that lets somebody in once. Raises NotAllowed for whom the door is closed to."""
    if row.is_disabled:
        raise NotAllowed("Let them in again first.")
    audit.note(session, admin_id, "admin.link_made", row.id, now)
    return admins.login_link(session, row, now, INVITED)


def set_role(session: Session, row: Admin, role: str, now: datetime, admin_id: int) -> None:
    """Let somebody do more, or less. Raises NotAllowed where nobody would own the installation any more."""
    _require_role(role)
    if role != "owner":
        _require_another_owner(session, row)
    row.role = role
    audit.note(session, admin_id, "admin.role_changed", row.id, now, role=role)


def shut_out(session: Session, row: Admin, now: datetime, admin_id: int) -> None:
    """Log somebody out everywhere, and in no more. Raises NotAllowed for oneself and for the last owner."""
    if row.id == admin_id:
        raise NotAllowed("You cannot shut yourself out: ask another owner.")
    _require_another_owner(session, row)
    row.is_disabled = True
    admins.end_sessions(session, row, now)
    audit.note(session, admin_id, "admin.shut_out", row.id, now)


def let_in(session: Session, row: Admin, now: datetime, admin_id: int) -> None:
    """Let somebody log in again."""
    row.is_disabled = False
    audit.note(session, admin_id, "admin.let_in", row.id, now)


def _require_role(role: str) -> None:
    if role not in ROLES:
        raise NotAllowed(f"A role is one of {', '.join(ROLES)}.")


def _require_another_owner(session: Session, row: Admin) -> None:
    # The owners are locked: of two who demote each other at one moment the second sees what the first did.
    owners = select(Admin.id).where(Admin.role == "owner", Admin.is_disabled.is_(False)).order_by(Admin.id)
    ids = set(session.scalars(owners.with_for_update()))
    if row.id in ids and len(ids) == 1:
        raise NotAllowed("Somebody must own the installation: make another owner first.")
