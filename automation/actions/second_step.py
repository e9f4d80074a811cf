"""The second step of logging in: codes of an authenticator app, and codes for when the device is lost.

Codes are those of RFC 6238 (SHA-1, six digits, thirty seconds), one step early or late is taken, none is taken twice.
"""

from __future__ import annotations

import secrets
from datetime import datetime

import pyotp
from sqlalchemy.orm import Session

from automation import audit
from automation.actions.admins import refuse_guessing, remember_failure
from automation.app import App
from automation.errors import NotAllowed
from automation.models import Admin
from automation.security import same, token_hash

STEP = 30
"""Seconds for which a code is shown."""
RECOVERY = 10
"""Codes for a lost device; each works once."""
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


def is_on(admin: Admin) -> bool:
    """Whether a code is asked for."""
    return admin.totp_on_at is not None


def begin(app: App, session: Session, admin_id: int) -> str:
    """A new secret for somebody who sets it up; asked for only once `turn_on` has seen a code of it.

    Raises NotAllowed where it is on already.
    """
    row = session.get_one(Admin, admin_id)
    if is_on(row):
        raise NotAllowed("The second step is on already: switch it off first.")
    secret = pyotp.random_base32()
    row.totp_sealed = app.keyring.seal(secret.encode(), _bound(row))
    return secret


def address(app: App, admin: Admin) -> str:
    """What the QR picture holds. Raises NotAllowed unless it is being set up: later nobody sees the secret again."""
    if admin.totp_sealed is None or is_on(admin):
        raise NotAllowed("The second step is not being set up.")
    return pyotp.TOTP(_secret(app, admin)).provisioning_uri(name=admin.email, issuer_name="Cartwheel")


def secret_of(app: App, admin: Admin) -> str:
    """The same for typing. Raises NotAllowed as `address` does."""
    address(app, admin)
    return _secret(app, admin)


def turn_on(app: App, session: Session, admin_id: int, code: str, now: datetime) -> list[str]:
    """Ask for a code from now on; the recovery codes, which are shown this once. Raises NotAllowed for a wrong code."""
    row = session.get_one(Admin, admin_id)
    address(app, row)
    if not _take(app, row, code, now):
        raise NotAllowed("This is not the code that the app shows now.")
    codes = ["".join(secrets.choice(_LETTERS) for _ in range(10)) for _ in range(RECOVERY)]
    row.totp_on_at, row.recovery_hashes = now, [token_hash(one) for one in codes]
    audit.note(session, admin_id, "admin.second_step_on", row.id, now)
    return codes


def turn_off(session: Session, admin_id: int, now: datetime, by: int) -> None:
    """Ask for no code any more."""
    row = session.get_one(Admin, admin_id)
    row.totp_sealed = row.totp_on_at = row.recovery_hashes = None
    row.totp_last_step = 0
    audit.note(session, by, "admin.second_step_off", row.id, now)


def check(app: App, admin_id: int, code: str, ip: str, now: datetime) -> bool:
    """Whether a code lets somebody in; it is spent then. Every failure is remembered. Raises TooManyTries."""
    with app.db.read() as session:
        email = session.get_one(Admin, admin_id).email
        refuse_guessing(session, email, ip, now)
    with app.db.write() as session:
        row = session.get_one(Admin, admin_id, with_for_update=True)
        if is_on(row) and (_take(app, row, code, now) or _recover(session, row, code, now)):
            return True
        remember_failure(session, email, ip, now)
    return False


def _take(app: App, row: Admin, code: str, now: datetime) -> bool:
    totp, step = pyotp.TOTP(_secret(app, row)), int(now.timestamp()) // STEP
    typed = code.replace(" ", "")
    for one in (step - 1, step, step + 1):
        if one > row.totp_last_step and same(totp.generate_otp(one), typed):
            row.totp_last_step = one
            return True
    return False


def _recover(session: Session, row: Admin, code: str, now: datetime) -> bool:
    spent, left = token_hash(code.strip().lower()), list(row.recovery_hashes or ())
    if spent not in left:
        return False
    row.recovery_hashes = [one for one in left if one != spent]
    audit.note(session, row.id, "admin.recovery_code_used", row.id, now, left=len(left) - 1)
    return True


def _secret(app: App, row: Admin) -> str:
    return app.keyring.unseal(row.totp_sealed or b"", _bound(row)).decode()


def _bound(row: Admin) -> str:
    return f"totp:{row.id}"
