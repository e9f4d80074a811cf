from __future__ import annotations

from datetime import date, timedelta
from zoneinfo import ZoneInfo

from automation.addresses import normal_form
from automation.demo import past
from automation.demo.people import invent
from tests.conftest import NOW

CUSTOMERS = past.read(NOW).customers
PEOPLE = {n: invent(n, c) for n, c in CUSTOMERS.items()}


def test_the_same_number_is_always_the_same_person() -> None:
    assert invent("12347", "Iceland") == invent("12347", "Iceland")
    assert invent("12347", "Iceland") != invent("12348", "Iceland")


def test_addresses_are_unique_valid_and_belong_to_nobody() -> None:
    emails = {p.email for p in PEOPLE.values()}
    assert len(emails) == len(PEOPLE)
    assert all(e.endswith("@example.com") and normal_form(e) == e for e in emails)


def test_birthdays_are_days_of_the_calendar() -> None:
    for person in PEOPLE.values():
        if person.birthday:
            month, day, year = person.birthday
            date(year or 2000, month, day)
    assert any(p.birthday is None for p in PEOPLE.values())
    assert len({p.birthday[:2] for p in PEOPLE.values() if p.birthday}) > 250


def test_most_agreed_some_were_never_asked_and_some_withdrew() -> None:
    said = [p.consent for p in PEOPLE.values()]
    assert said.count("granted") > 600
    assert said.count(None) > 100
    assert said.count("withdrawn") > 40


def test_at_any_hour_somebody_who_agreed_is_awake() -> None:
    zones = [ZoneInfo(p.timezone) for p in PEOPLE.values() if p.consent == "granted"]
    for hour in range(24):
        at = NOW + timedelta(hours=hour)
        assert sum(at.astimezone(zone).hour in range(9, 20) for zone in zones) >= 10, f"{at:%H} UTC"
