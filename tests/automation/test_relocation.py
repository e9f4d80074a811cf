from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import func, select, text

from automation import migrating
from automation.__main__ import main
from automation.app import App, build
from automation.database import Database
from automation.demo.shop import load
from automation.errors import NotAllowed
from automation.models import Customer, Order, Record
from automation.relocation import move
from automation.settings import Settings
from tests import make
from tests.conftest import NOW

KEY = "a key for tests only, long enough"


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[App]:
    """A small installation on SQLite, made by the migrations."""
    app = build(Settings(data=tmp_path, secret_key=KEY))
    migrating.upgrade(app.db)
    with app.db.write() as session:
        store = make.store(session)
        make.connection(app, session, store, "provider", "mailbox")
        for name in ("Ada", "Grace", "Äöü €"):
            make.customer(session, store, name, attributes={"size": 9.5, "tags": ["a", None]})
        make.message(session, make.customer(session, store, "Joan"))
    yield app
    app.close()


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[Database]:
    """An empty schema-less PostgreSQL database."""
    found = request.getfixturevalue("_postgresql")
    if found is None:
        pytest.skip("no PostgreSQL server: moving to one is not tried")
    url, engine = found
    name = f"{url.rpartition('/')[2]}_moved"
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        connection.execute(text(f"CREATE DATABASE {name}"))
        database = Database(f"{url.rpartition('/')[0]}/{name}")
        yield database
        database.dispose()
        connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))


def _counts(database: Database) -> dict[str, int]:
    with database.read() as session:
        return {
            table.name: session.scalar(select(func.count()).select_from(table)) or 0
            for table in Record.metadata.sorted_tables
        }


def test_every_row_arrives_and_the_next_one_gets_the_next_number(embedded: App, server: Database) -> None:
    moved = move(embedded.db, server)
    assert _counts(server) == _counts(embedded.db)
    assert {m.table: m.rows for m in moved} == _counts(embedded.db)
    with server.write() as session:
        old = set(session.scalars(select(Customer.id)))
        store_id = session.scalars(select(Customer.store_id)).first()
        new = Customer(store_id=store_id, public_id="new", created_at=NOW, updated_at=NOW)
        session.add(new)
        session.flush()
        assert new.id == max(old) + 1
    with server.read() as session:
        joined = session.scalars(select(Customer).where(Customer.first_name == "Äöü €")).one()
        assert joined.attributes == {"size": 9.5, "tags": ["a", None]}


def test_a_whole_demo_shop_arrives(tmp_path: Path, server: Database) -> None:
    app = build(Settings(data=tmp_path, secret_key=KEY, demo=True))
    migrating.upgrade(app.db)
    # Every kind of row that the demo has; how many of each makes no difference here.
    load(app, app.clock(), lambda _done, _words: None, customers=80)
    move(app.db, server)
    assert _counts(server) == _counts(app.db)
    with app.db.read() as old, server.read() as new:
        spent = select(func.sum(Order.total), func.max(Order.placed_at))
        assert tuple(old.execute(spent).one()) == tuple(new.execute(spent).one())
    app.close()


def test_a_database_that_is_not_empty_is_left_as_it_is(embedded: App, server: Database) -> None:
    move(embedded.db, server)
    before = _counts(server)
    with pytest.raises(NotAllowed, match="not empty"):
        move(embedded.db, server)
    assert _counts(server) == before


def test_what_fails_half_way_leaves_nothing_behind(embedded: App, server: Database) -> None:
    migrating.upgrade(server)
    with server.write() as session:
        # The other side mangles a column on its way in.
        session.execute(
            text(
                "CREATE FUNCTION mangled() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN NEW.first_name := upper(NEW.first_name); RETURN NEW; END $$"
            )
        )
        session.execute(
            text("CREATE TRIGGER mangle BEFORE INSERT ON customers FOR EACH ROW EXECUTE FUNCTION mangled()")
        )
    with pytest.raises(NotAllowed, match="customers did not arrive as it was"):
        move(embedded.db, server)
    assert set(_counts(server).values()) == {0}


def test_an_old_database_is_migrated_first(tmp_path: Path, server: Database) -> None:
    app = build(Settings(data=tmp_path, secret_key=KEY))
    with pytest.raises(NotAllowed, match="cartwheel migrate"):
        move(app.db, server)
    app.close()


def test_the_command_says_what_to_set_afterwards(
    embedded: App, server: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARTWHEEL_DATA", str(embedded.settings.data))
    monkeypatch.setenv("CARTWHEEL_SECRET_KEY", KEY)
    monkeypatch.setenv("CARTWHEEL_PORT", "0")
    said = CliRunner().invoke(main, ["migrate-to", server.url])
    assert said.exit_code == 0, said.output
    assert "every table is the same on both sides" in said.output
    assert "CARTWHEEL_DATABASE_URL" in said.output
    assert "postgres" not in said.output.lower(), "an address may hold a password"
