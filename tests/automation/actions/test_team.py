"""Who runs the installation: there is always an owner."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import select

from automation.actions import admins, team
from automation.app import App
from automation.errors import NotAllowed
from automation.models import Admin
from tests.conftest import NOW


def test_two_owners_who_demote_each_other_at_one_moment_leave_one(app: App) -> None:
    with app.db.write() as session:
        ada, zoe = (admins.create_admin(session, f"{name}@example.com", NOW).id for name in ("ada", "zoe"))
    refused: list[NotAllowed] = []
    begun = threading.Event()

    def demote_ada() -> None:
        begun.set()
        try:
            with app.db.write() as session:
                team.set_role(session, team.find(session, ada), "viewer", NOW, zoe)
        except NotAllowed as error:
            refused.append(error)

    other = threading.Thread(target=demote_ada)
    with app.db.write() as session:
        team.set_role(session, team.find(session, zoe), "viewer", NOW, ada)
        session.flush()
        other.start()
        begun.wait()
        # Long enough for the other to have counted the owners, if nothing held it up.
        other.join(timeout=0.5)
    other.join()
    with app.db.read() as session:
        assert list(session.scalars(select(Admin.id).where(Admin.role == "owner"))) == [ada]
    assert len(refused) == 1


def test_the_last_owner_is_neither_demoted_nor_shut_out(app: App) -> None:
    with app.db.write() as session:
        ada, zoe = (admins.create_admin(session, f"{name}@example.com", NOW).id for name in ("ada", "zoe"))
        team.shut_out(session, team.find(session, zoe), NOW, ada)
        session.flush()
        with pytest.raises(NotAllowed, match="another owner first"):
            team.set_role(session, team.find(session, ada), "editor", NOW, ada)
        with pytest.raises(NotAllowed, match="another owner first"):
            team.shut_out(session, team.find(session, ada), NOW, zoe)
