from __future__ import annotations

import pytest
from sqlalchemy import select

from automation.actions import api_keys
from automation.app import App
from automation.errors import NotAllowed
from automation.models import ApiKey, AuditEntry, Connection
from tests import make
from tests.conftest import NOW


def test_a_key_is_shown_once_and_kept_as_a_hash(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        row, token = api_keys.make(app, session, store_id=store.id, name=" Till ", scopes=["orders:write"], now=NOW)
        assert token.startswith(row.prefix)
        assert len(token) > 40
        stored = [getattr(row, c.name) for c in ApiKey.__table__.columns]
        assert not any(isinstance(value, str) and token in value for value in stored)
        assert (row.name, row.scopes) == ("Till", ["orders:write"])
        found = api_keys.find(session, token)
        assert found is not None
        assert (found[0].id, found[1].kind, found[1].role) == (row.id, "api", "platform")


def test_a_stores_keys_share_its_api_connection(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        for name in ("a", "b"):
            api_keys.make(app, session, store_id=store.id, name=name, scopes=["orders:write"], now=NOW)
        assert len(session.scalars(select(Connection)).all()) == 1


@pytest.mark.parametrize(
    ("name", "scopes"), [("x", []), ("x", ["everything"]), ("x", ["orders:read"]), ("  ", ["orders:write"])]
)
def test_a_key_without_a_name_or_with_unknown_scopes_is_not_made(app: App, name: str, scopes: list[str]) -> None:
    with app.db.write() as session:
        store = make.store(session)
        with pytest.raises(NotAllowed):
            api_keys.make(app, session, store_id=store.id, name=name, scopes=scopes, now=NOW)
        assert session.scalars(select(ApiKey)).all() == []


def test_a_revoked_key_is_not_found_and_the_audit_log_tells_of_it_once(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        row, token = api_keys.make(app, session, store_id=store.id, name="x", scopes=["orders:write"], now=NOW)
        api_keys.revoke(session, row.id, now=NOW)
        api_keys.revoke(session, row.id, now=NOW)
        assert api_keys.find(session, token) is None
        assert list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.id))) == [
            "api_key.made",
            "api_key.revoked",
        ]
        with pytest.raises(NotAllowed):
            api_keys.revoke(session, 999, now=NOW)


@pytest.mark.parametrize("token", ["", "cw_", "cw_guess", "\x00", "cw_" + "x" * 5000, "cw_' OR 1=1"])
def test_what_is_no_key_finds_nothing(app: App, token: str) -> None:
    with app.db.read() as session:
        assert api_keys.find(session, token) is None
