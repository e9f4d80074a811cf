from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from automation import migrating
from automation.app import App, build
from automation.checkup import examine, judged_skew, senders
from automation.finding import Finding
from automation.models import Heartbeat
from automation.settings import Settings
from tests import make
from tests.conftest import NOW


@pytest.fixture
def fresh(tmp_path: Path) -> App:
    """A migrated installation with its own secret key."""
    app = build(Settings(data=tmp_path / "data"))
    migrating.upgrade(app.db)
    return app


def verdicts(app: App) -> dict[str, Finding]:
    return {f.what: f for f in examine(app, NOW)}


def test_a_new_installation_is_sound_but_mails_nobody_yet(fresh: App) -> None:
    found = verdicts(fresh)
    assert [f for f in found.values() if f.verdict == "bad"] == []
    assert found["Provider"].verdict == "warning"
    assert found["Worker"].said == "has never run here."


def test_a_key_that_others_can_read_is_bad(fresh: App) -> None:
    (fresh.settings.data / "secret.key").chmod(0o644)
    assert verdicts(fresh)["Secret key"].verdict == "bad"


def test_tables_of_another_release_are_bad_and_say_what_to_do(app: App) -> None:
    found = verdicts(app)["Migrations"]
    assert found.verdict == "bad"
    assert "cartwheel migrate" in found.said


def test_a_database_that_does_not_answer_is_bad() -> None:
    app = build(
        Settings(
            data=Path("/tmp"),  # noqa: S108  nothing is written there
            database_url="postgresql://nobody@127.0.0.1:1/none",
            secret_key="a key for tests only, long enough",
        )
    )
    assert verdicts(app)["Database"].verdict == "bad"
    app.close()


def test_a_worker_is_heard_or_not(fresh: App) -> None:
    with fresh.db.write() as session:
        session.merge(Heartbeat(name="worker", at=NOW - timedelta(seconds=2), detail={}))
    assert verdicts(fresh)["Worker"].verdict == "good"
    assert {f.what: f.verdict for f in examine(fresh, NOW + timedelta(hours=1))}["Worker"] == "warning"


def test_providers_are_tried_and_broken_ones_are_bad(fresh: App) -> None:
    with fresh.db.write() as session:
        store = make.store(session)
        make.connection(fresh, session, store, "provider", "mailbox")
        make.connection(fresh, session, store, "provider", "mailbox").state = "broken"
    found = [f.verdict for f in examine(fresh, NOW) if f.what.startswith("Provider")]
    assert found == ["good", "bad"]


def test_a_folder_that_cannot_be_written_is_bad(fresh: App, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    settings = fresh.settings.model_copy(update={"data": tmp_path / "file" / "data", "secret_key": "x" * 20})
    found = verdicts(replace(fresh, settings=settings))
    assert found["Data folder"].verdict == "bad"


def test_clocks_far_apart_are_bad() -> None:
    found = [judged_skew(timedelta(seconds=s)).verdict for s in (0, 2.9, 4, 40)]
    assert found == ["good", "good", "warning", "bad"]


def test_the_senders_domain_is_looked_at_for_the_provider_that_mails_leave_through(fresh: App) -> None:
    with fresh.db.write() as session:
        store = make.store(session)
        make.connection(fresh, session, store, "provider", "mailbox")
        make.connection(fresh, session, store, "provider", "postmark", server_token="t").is_default = True
        session.flush()
    asked: list[str] = []

    def resolve(name: str, kind: str) -> list[str]:
        asked.append(f"{name} {kind}")
        return []

    found = senders(fresh, resolve)
    assert {f.what for f in found} == {f"{n} of wren.example.com" for n in ("SPF", "DKIM", "DMARC", "MX")}
    assert "pm-bounces.wren.example.com CNAME" in asked
