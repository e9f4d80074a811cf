"""Admins: who they are, how they log in, and on which devices they are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from automation import audit
from automation.addresses import normal_form
from automation.app import App
from automation.clock import ShiftedClock, real_time
from automation.errors import NotAllowed
from automation.models import Admin, AdminSession, LoginFailure, LoginLink
from automation.security import hash_password, is_password, needs_rehash, random_token, token_hash

IDLE = timedelta(hours=12)
"""A device that is not used for so long must log in again."""
LONGEST = timedelta(days=14)
"""And every device after so long."""
LINK_LIFE = timedelta(minutes=30)
WINDOW = timedelta(minutes=15)
PER_ADDRESS = 10
"""Failed log-ins per address in WINDOW before more are turned away."""
PER_ORIGIN = 40
"""The same per network address."""
SHORTEST_PASSWORD = 10
_SEEN_EVERY = timedelta(minutes=1)


class TooManyTries(NotAllowed):
    """There were too many failed log-ins. Wait a quarter of an hour, then try again."""


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """Who a cookie stands for."""

    admin: Admin
    session: AdminSession


def wall_time(app: App) -> datetime:
    """The time that log-ins live by: a demo's clock that is turned forward must not end its turner's session."""
    return real_time() if isinstance(app.clock, ShiftedClock) else app.clock()


def create_admin(session: Session, email: str, now: datetime, *, name: str = "", role: str = "owner") -> Admin:
    """Add an admin without a password; a log-in link lets them in.

    Raises Unreadable for what is no address, NotAllowed when there is such an admin.
    """
    key = normal_form(email)
    if session.scalar(select(Admin.id).where(Admin.email == key)) is not None:
        raise NotAllowed(f"There is already an admin {key}.")
    row = Admin(email=key, name=name, role=role, created_at=now)
    session.add(row)
    session.flush()
    return row


def login_link(session: Session, admin: Admin, now: datetime, life: timedelta = LINK_LIFE) -> str:
    """The token of a link that logs an admin in once; its page is /login/<token>."""
    token = random_token()
    session.add(LoginLink(token_hash=token_hash(token), admin_id=admin.id, created_at=now, expires_at=now + life))
    session.flush()
    return token


def link_owner(session: Session, token: str, now: datetime) -> Admin | None:
    """Whom a link would log in, without using it."""
    return session.scalar(
        select(Admin)
        .join(LoginLink, LoginLink.admin_id == Admin.id)
        .where(
            LoginLink.token_hash == token_hash(token),
            LoginLink.used_at.is_(None),
            LoginLink.expires_at > now,
            Admin.is_disabled.is_(False),
        )
    )


def use_login_link(session: Session, token: str, now: datetime) -> Admin | None:
    """Whom a link logs in; it is spent from now on. None when it was used, is too old or never was."""
    admin = link_owner(session, token, now)
    if admin is None:
        return None
    spent = session.execute(
        update(LoginLink)
        .where(LoginLink.token_hash == token_hash(token), LoginLink.used_at.is_(None))
        .values(used_at=now)
        .execution_options(synchronize_session=False)
    )
    return admin if spent.rowcount == 1 else None  # type: ignore[attr-defined]  # an UPDATE has a row count


def check_password(app: App, email: str, password: str, ip: str, now: datetime) -> Admin | None:
    """The admin whose password it is, or None; every failure is remembered.

    The password is hashed outside any transaction, and also when there is no such admin: both take the same time.
    Raises TooManyTries, for unknown addresses too.
    """
    with app.db.read() as session:
        refuse_guessing(session, email, ip, now)
        admin = session.scalar(select(Admin).where(Admin.email == email.strip().lower(), Admin.is_disabled.is_(False)))
    stored = admin.password_hash if admin else ""
    if is_password(password, stored) and admin is not None:
        with app.db.write() as session:
            session.execute(delete(LoginFailure).where(LoginFailure.subject == _subjects(email, ip)[0]))
            if needs_rehash(stored):
                session.get_one(Admin, admin.id).password_hash = hash_password(password)
        return admin
    with app.db.write() as session:
        remember_failure(session, email, ip, now)
    return None


def _subjects(email: str, ip: str) -> tuple[str, str]:
    return f"email:{email.strip().lower()[:300]}", f"ip:{ip}"


def remember_failure(session: Session, email: str, ip: str, now: datetime) -> None:
    """Note a password or a code that was wrong."""
    session.add_all(LoginFailure(subject=subject, at=now) for subject in _subjects(email, ip))
    session.execute(delete(LoginFailure).where(LoginFailure.at < now - timedelta(days=1)))


def refuse_guessing(session: Session, email: str, ip: str, now: datetime) -> None:
    """Raise TooManyTries after too many failures of late."""
    for subject, most in zip(_subjects(email, ip), (PER_ADDRESS, PER_ORIGIN), strict=True):
        failures = session.scalar(
            select(func.count()).where(LoginFailure.subject == subject, LoginFailure.at > now - WINDOW)
        )
        if (failures or 0) >= most:
            raise TooManyTries


def want_mails(session: Session, admin: Admin, now: datetime, *, wanted: bool) -> None:
    """Whether notices go to the admin by mail, too; those from now on."""
    if admin.wants_mails != wanted:
        admin.wants_mails, admin.wants_mails_since = wanted, now if wanted else None
        audit.note(session, admin.id, "admin.mails_wanted" if wanted else "admin.mails_ended", admin.email, now)


def set_password(session: Session, admin: Admin, password: str, now: datetime, *, keep: str | None = None) -> None:
    """Give an admin a password; every device but the one whose session hash is `keep` must log in again.

    Raises NotAllowed for one that is too short or is the address itself.
    """
    if len(password) < SHORTEST_PASSWORD:
        raise NotAllowed(f"A password needs at least {SHORTEST_PASSWORD} characters.")
    if password.strip().lower() in {admin.email, admin.email.split("@")[0]} or len(set(password)) < 4:
        raise NotAllowed("This password is too easy to guess.")
    admin.password_hash = hash_password(password)
    end_sessions(session, admin, now, keep=keep)
    session.execute(delete(LoginLink).where(LoginLink.admin_id == admin.id, LoginLink.used_at.is_(None)))
    audit.note(session, admin.id, "admin.password_changed", admin.id, now)


def start_session(session: Session, admin: Admin, now: datetime, *, ip: str = "", agent: str = "") -> str:
    """Log an admin in on a device: the id for its cookie, of which the table keeps the hash."""
    token = random_token()
    session.add(
        AdminSession(
            id_hash=token_hash(token),
            admin_id=admin.id,
            created_at=now,
            last_seen_at=now,
            expires_at=now + LONGEST,
            ip=ip[:64],
            agent=agent[:500],
        )
    )
    session.execute(update(Admin).where(Admin.id == admin.id).values(last_seen_at=now))
    audit.note(session, admin.id, "admin.logged_in", admin.id, now)
    return token


def whose_session(session: Session, token: str, now: datetime) -> LoggedIn | None:
    """Who the cookie stands for, if its session lives."""
    row = session.execute(
        select(Admin, AdminSession)
        .join(AdminSession, AdminSession.admin_id == Admin.id)
        .where(
            AdminSession.id_hash == token_hash(token),
            AdminSession.revoked_at.is_(None),
            AdminSession.expires_at > now,
            AdminSession.last_seen_at > now - IDLE,
            Admin.is_disabled.is_(False),
        )
    ).first()
    return LoggedIn(admin=row[0], session=row[1]) if row else None


def is_stale(row: AdminSession, now: datetime) -> bool:
    """Whether it is time to note that the session is in use."""
    return row.last_seen_at < now - _SEEN_EVERY


def touch_session(session: Session, id_hash: str, now: datetime) -> None:
    """Note that the session is in use."""
    session.execute(update(AdminSession).where(AdminSession.id_hash == id_hash).values(last_seen_at=now))


def end_session(session: Session, admin: Admin, id_hash: str, now: datetime) -> None:
    """Log one of the admin's devices out."""
    session.execute(
        update(AdminSession)
        .where(AdminSession.id_hash == id_hash, AdminSession.admin_id == admin.id, AdminSession.revoked_at.is_(None))
        .values(revoked_at=now)
    )


def end_sessions(session: Session, admin: Admin, now: datetime, *, keep: str | None = None) -> None:
    """Log all of the admin's devices out, save the one whose session hash is `keep`."""
    session.execute(
        update(AdminSession)
        .where(
            AdminSession.admin_id == admin.id, AdminSession.revoked_at.is_(None), AdminSession.id_hash != (keep or "")
        )
        .values(revoked_at=now)
    )


def live_sessions(session: Session, admin: Admin, now: datetime) -> list[AdminSession]:
    """The admin's devices, the last used first."""
    return list(
        session.scalars(
            select(AdminSession)
            .where(
                AdminSession.admin_id == admin.id,
                AdminSession.revoked_at.is_(None),
                AdminSession.expires_at > now,
                AdminSession.last_seen_at > now - IDLE,
            )
            .order_by(AdminSession.last_seen_at.desc(), AdminSession.id_hash)
        )
    )
