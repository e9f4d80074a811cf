from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, func, select

from automation import faults
from automation.actions import imports
from automation.app import App
from automation.consents import ConsentLine, note
from automation.errors import NotAllowed
from automation.models import (
    Consent,
    ConsentState,
    Customer,
    DueItem,
    Event,
    Import,
    ImportChunk,
    Order,
    Product,
    SpecialDate,
    Suppression,
)
from automation.stages.load import LEASE, load
from tests.automation.importing.filed import Desk
from tests.conftest import NOW

PEOPLE = """Email,First Name,Date of Birth,Tags,Accepts Email Marketing,optin_time,attribute:size,special_date:wedding
ada@example.com,Ada,1990-04-23,"tea, vip",yes,2026-01-02 10:00,38,2015-06-01
bob@example.com,Bob,,,no,2026-01-03,,
"""


def test_customers_come_in_with_all_that_is_known_of_them(desk: Desk) -> None:
    done = desk.take("customers", PEOPLE, evidence="Sign-up at the till: send me news.")
    assert (done.state, done.rows_done, done.rows_refused) == ("done", 2, 0)
    ada, bob = desk.rows(Customer)
    assert (ada.email_key, ada.first_name, ada.tags, ada.attributes) == (
        "ada@example.com", "Ada", ["tea", "vip"], {"size": "38"}
    )  # fmt: skip
    assert (ada.birthday_year, ada.birthday_month, ada.birthday_day, ada.imported_at) == (1990, 4, 23, NOW)
    wedding = desk.one(SpecialDate)
    assert (wedding.name, wedding.year, wedding.month, wedding.day) == ("wedding", 2015, 6, 1)
    states = {s.customer_id: (s.status, s.at) for s in desk.rows(ConsentState)}
    # Without a zone the store's holds: nine o'clock in UTC is ten in Berlin.
    assert states[ada.id] == ("granted", datetime(2026, 1, 2, 9, 0, tzinfo=UTC))
    assert states[bob.id][0] == "withdrawn"
    line = desk.rows(Consent)[0]
    assert (line.source, line.wording, line.detail) == (
        "import", "Sign-up at the till: send me news.", "(people.csv, line 2)"
    )  # fmt: skip
    assert desk.rows(ImportChunk) == []


def test_notes_and_wishes_come_in_and_of_two_wishes_the_quieter_one_holds(desk: Desk) -> None:
    head = "email,external_id,notes,paused_until,most_per_week,most_per_month\n"
    desk.take("customers", head + "ada@example.com,7,likes tea,2026-05-01 10:00,2,\nbob@example.com,,,,,4\n")
    later = "ada@new.example.com,7,likes cake,2026-04-01 10:00,3,5\n" + "bob@example.com,,,2026-04-02,,9\n"
    done = desk.take("customers", head + later + "eve@example.com,,,,0,\n", "again.csv")
    ada, bob = desk.rows(Customer)
    assert (ada.email_key, ada.notes, ada.most_per_week, ada.most_per_month) == (
        "ada@new.example.com", "likes cake", 2, 5
    )  # fmt: skip
    assert ada.paused_until == datetime(2026, 5, 1, 8, 0, tzinfo=UTC)
    assert (bob.notes, bob.most_per_week, bob.most_per_month) == ("", None, 4)
    assert bob.paused_until is not None
    [(line, column, _, why)] = desk.refusals(done.id)
    assert (line, column) == (4, "most_per_week")
    assert "a number from 1" in why


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_encodings_and_delimiters_are_found_out(desk: Desk, encoding: str, mark: str) -> None:
    text = f"Vorname{mark}E-Mail\nZoë{mark}zoe@example.com\n"
    desk.take("customers", text.encode(encoding))
    assert desk.one(Customer).first_name == "Zoë"


def test_each_refused_row_says_where_and_why_and_the_others_come_in(desk: Desk) -> None:
    text = (
        "email,birthday,consent,consent_at,country\n"
        "nobody,,,,\n"
        "a@example.com,1990-02-30,,,\n"
        "b@example.com,,perhaps,,\n"
        "c@example.com,,yes,3/4/2026,\n"
        '"d@example.com",,,,"Germany\nWest"\n'
        ",,,,DE\n"
        "ok@example.com,,,,de\n"
    )
    done = desk.take("customers", text)
    assert (done.rows_done, done.rows_refused) == (7, 6)
    found = desk.refusals(done.id)
    assert [(line, column, value) for line, column, value, _ in found] == [
        (2, "email", "nobody"),
        (3, "birthday", "1990-02-30"),
        (4, "consent", "perhaps"),
        (5, "consent_at", "3/4/2026"),
        (6, "country", "Germany\nWest"),
        (8, "email", ""),
    ]
    assert "day or the month" in found[3][3]
    assert desk.one(Customer).country == "DE"


def test_a_dry_run_counts_and_changes_nothing(desk: Desk, app: App) -> None:
    desk.take("customers", "email\nada@example.com\n")
    import_id = desk.upload("customers", PEOPLE + "wrong,,,,,,,\n")
    with app.db.write() as session:
        imports.check(session, session.get_one(Import, import_id), NOW)
    desk.work()
    row = desk.one(Import, id=import_id)
    assert (row.state, row.rows_total, row.rows_refused) == ("checked", 3, 1)
    assert row.counts == {"good": 2, "known": 1, "new": 1, "consent_granted": 1, "consent_withdrawn": 1}
    assert len(desk.rows(Customer)) == 1
    desk.start(import_id)
    desk.work()
    assert len(desk.rows(Customer)) == 2
    assert len(desk.refusals(import_id)) == 1


def test_columns_can_be_said_otherwise_and_the_mapping_is_kept_for_the_next_file(desk: Desk, app: App) -> None:
    import_id = desk.upload("customers", "who,nick\nada@example.com,Ada\n")
    with app.db.write() as session:
        row = session.get_one(Import, import_id)
        with pytest.raises(NotAllowed, match="No column means: Mail address"):
            imports.start(session, row, NOW)
        with pytest.raises(NotAllowed, match="both mean email"):
            imports.change(session, row, NOW, mapping={0: "email", 1: "email"})
        with pytest.raises(NotAllowed, match="cannot mean bogus"):
            imports.change(session, row, NOW, mapping={0: "bogus"})
        imports.change(session, row, NOW, mapping={0: "email", 1: "first_name"})
        imports.save_mapping(session, row, "Old shop", NOW)
        shown = imports.preview(app, session, row)
        assert [(s.line, s.cells, s.refusal) for s in shown] == [(2, ["ada@example.com", "Ada"], None)]
    again = desk.upload("customers", "nick,who\nAda,ada@example.com\n")
    assert desk.one(Import, id=again).mapping == {"0": "first_name", "1": "email"}


def test_after_a_crash_it_goes_on_behind_the_last_batch_and_repeats_nothing(desk: Desk, app: App) -> None:
    text = "email,name,at\n" + "".join(f"p{n}@example.com,till.visited,2026-03-01\n" for n in range(2500))
    import_id = desk.upload("events", text)
    desk.start(import_id)
    calls = 0

    def die(point: str) -> None:
        nonlocal calls
        calls += point == "load.before_commit"
        if calls == 2:
            raise KeyboardInterrupt

    faults.arm(die)
    try:
        with pytest.raises(KeyboardInterrupt):
            load(app, NOW, 10_000)
    finally:
        faults.arm(None)
    assert desk.one(Import, id=import_id).rows_done == 1000
    assert load(app, NOW, 10_000) == 0, "the dead worker's claim still holds"
    desk.work(now=NOW + LEASE)
    assert desk.one(Import, id=import_id).rows_done == 2500
    assert len(desk.rows(Event)) == 2500
    desk.take("events", text)  # the same file once more
    assert len(desk.rows(Event)) == 2500


def test_it_can_be_stopped_and_goes_on_later(desk: Desk, app: App) -> None:
    import_id = desk.upload("customers", "email\n" + "".join(f"p{n}@example.com\n" for n in range(1500)))
    desk.start(import_id)
    load(app, NOW, 1000)
    with app.db.write() as session:
        imports.cancel(session, session.get_one(Import, import_id), NOW)
    desk.work()
    assert len(desk.rows(Customer)) == 1000
    desk.start(import_id)
    desk.work()
    assert (len(desk.rows(Customer)), desk.one(Import, id=import_id).state) == (1500, "done")


def test_no_import_speaks_with_the_voice_of_the_person(desk: Desk, app: App) -> None:
    desk.take("customers", "email\nada@example.com\n")
    with app.db.write() as session:
        ada = session.scalars(select(Customer)).one()
        no = ConsentLine(
            store_id=ada.store_id,
            customer_id=ada.id,
            status="withdrawn",
            source="unsubscribe",
            at=NOW - timedelta(days=9),
        )
        note(session, [no], NOW)
    desk.take("consents", "email,status,at,source\nada@example.com,granted,2026-03-09,form\n")
    desk.take("customers", "email,consent\nada@example.com,yes\n")
    assert desk.one(ConsentState).status == "withdrawn"
    last = desk.rows(Consent)[1]
    assert (last.source, last.detail) == ("import", "form:  (people.csv, line 2)")
    with pytest.raises(NotAllowed, match="ledger of consents is empty"):
        desk.take("consents", "email,status\nada@example.com,granted\n", as_recorded=True)


def test_that_all_have_agreed_needs_evidence(desk: Desk) -> None:
    with pytest.raises(NotAllowed, match="without evidence"):
        desk.take("customers", "email\nada@example.com\n", consent="granted")
    desk.take("customers", "email\nada@example.com\n", consent="granted", evidence="Paper list of the spring fair")
    line = desk.one(Consent)
    assert (line.status, line.wording, line.at) == ("granted", "Paper list of the spring fair", NOW)


def test_only_who_is_to_be_greeted_is_marked_so(desk: Desk) -> None:
    desk.take("customers", "email,consent\nada@example.com,yes\n", welcome=True)
    assert (desk.one(Customer).imported_at, desk.one(Consent).source) == (None, "import_welcomed")


def test_suppressions_due_items_orders_and_products_come_in_too(desk: Desk) -> None:
    desk.take("suppressions", "Email,Reason,Date\nold@example.com,Hard Bounce,2025-01-01\nx@example.com,weird,\n")
    assert (desk.one(Suppression).email_key, desk.one(Suppression).reason) == ("old@example.com", "hard_bounce")
    desk.take("due_items", 'email,type,reference,due date,amount\nada@example.com,Payment,r-1,2026-04-01,"1,299.00"\n')
    item = desk.one(DueItem)
    assert (item.kind, item.external_id, item.amount, item.currency) == ("payment", "r-1", 129900, "EUR")
    assert item.due_at == datetime(2026, 3, 31, 22, 0, tzinfo=UTC)
    desk.take(
        "orders",
        'email;id;total;date;lines\nada@example.com;o-1;"12,50";2026-02-01T08:00Z;"[{""title"":""Cup"",""quantity"":1,""price"":1250}]"\n',
    )
    assert (desk.one(Order).total, desk.one(Order).customer_id) == (1250, item.customer_id)
    desk.take("products", 'handle,title,price,tags\np-1,Cup,12.50,"tea,cup"\n')
    assert (desk.one(Product).price, desk.one(Product).tags) == (1250, ["tea", "cup"])


def test_statements_do_not_grow_with_the_rows_of_a_batch(desk: Desk, app: App) -> None:
    def counted(rows: int, offset: int) -> int:
        text = "email,consent,special_date:day\n" + "".join(
            f"q{n + offset}@example.com,yes,05-06\n" for n in range(rows)
        )
        import_id = desk.upload("customers", text)
        desk.start(import_id)
        count = 0

        def one(*_: object) -> None:
            nonlocal count
            count += 1

        event.listen(app.db.engine, "before_cursor_execute", one)
        load(app, NOW, 10_000)
        event.remove(app.db.engine, "before_cursor_execute", one)
        return count

    assert counted(2, 0) == counted(400, 10)
    with app.db.read() as session:
        assert session.scalar(select(func.count()).select_from(Customer)) == 402


def test_the_points_at_which_a_worker_may_die_are_named() -> None:
    assert {"load.before_commit", "load.claimed"} <= set(faults.POINTS)
