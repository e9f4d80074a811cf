from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from automation import running
from automation.app import build
from automation.locks import only_one
from automation.migrating import newest
from automation.settings import Settings
from tests import make
from tests.automation.commands.conftest import Cartwheel


def test_status_counts_what_there_is(cartwheel: Cartwheel, environment: dict[str, str]) -> None:
    assert cartwheel("migrate").exit_code == 0
    app = build(Settings(data=Path(environment["CARTWHEEL_DATA"])))
    with app.db.write() as session:
        store = make.store(session)
        make.message(session, make.customer(session, store))
    app.close()
    found = orjson.loads(cartwheel("status", "--json").output)
    assert (found["customers"], found["messages"]["draft"], found["campaigns"]["live"]) == (1, 1, 0)
    plain = cartwheel("status").output
    assert "customers    1" in plain
    assert "messages     1 draft" in plain


def test_migrate_says_where_it_got_to(cartwheel: Cartwheel) -> None:
    assert cartwheel("migrate").output == f"The database is at revision {newest()}.\n"
    assert cartwheel("migrate").output == f"The database is at revision {newest()} already.\n"


def test_a_database_without_tables_is_one_clear_line(cartwheel: Cartwheel) -> None:
    found = cartwheel("status")
    assert found.exit_code == 2
    assert "cartwheel migrate" in found.output
    assert "Traceback" not in found.output


def test_settings_that_cannot_be_used_are_named(cartwheel: Cartwheel) -> None:
    found = cartwheel("status", CARTWHEEL_PORT="many")
    assert found.exit_code == 2
    assert "CARTWHEEL_PORT" in found.output


def test_work_once_runs_until_all_rest(cartwheel: Cartwheel) -> None:
    cartwheel("migrate")
    found = cartwheel("work", "--once")
    assert (found.exit_code, found.output) == (0, "There was nothing to do.\n")


def test_work_is_refused_while_a_worker_sends(cartwheel: Cartwheel, environment: dict[str, str]) -> None:
    cartwheel("migrate")
    settings = Settings(data=Path(environment["CARTWHEEL_DATA"]))
    with only_one(running.sending_lock(settings), "x"):
        found = cartwheel("work", "--once")
    assert found.exit_code == 2
    assert "already running" in found.output


def test_translate_prints_what_a_payload_becomes(cartwheel: Cartwheel) -> None:
    recording = Path("tests/recordings/platforms/shopify/carts-create.json")
    found = cartwheel("translate", "shopify", "carts/create", str(recording))
    assert found.exit_code == 0, found.output
    assert orjson.loads(found.output.splitlines()[0])["type"] == "cart"


@pytest.mark.parametrize("kind", ["shopify", "no_such_kind"])
def test_what_cannot_be_translated_is_one_clear_line(cartwheel: Cartwheel, tmp_path: Path, kind: str) -> None:
    (tmp_path / "body.json").write_text("{")
    found = cartwheel("translate", kind, "carts/create", str(tmp_path / "body.json"))
    assert found.exit_code == 2
    assert found.output.startswith("Error: ")


def test_doctor_is_content_with_a_new_installation(cartwheel: Cartwheel) -> None:
    cartwheel("migrate")
    found = cartwheel("doctor")
    assert found.exit_code == 0, found.output
    assert f"Migrations: at {newest()}" in found.output


def test_doctor_fails_before_the_migration(cartwheel: Cartwheel) -> None:
    found = cartwheel("doctor")
    assert found.exit_code == 1
    assert "FAIL" in found.output


def test_every_command_is_listed_with_its_help(cartwheel: Cartwheel) -> None:
    found = cartwheel("--help").output
    for name in ("run", "web", "worker", "migrate", "work", "status", "translate", "demo", "doctor", "bench"):
        assert f"\n  {name} " in found
