from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.changes import MailEvent
from automation.errors import DoorError, Unreadable
from automation.provider import Envelope, Request
from automation.providers.smtp import Smtp
from tests.conftest import NOW, Net
from tests.contracts.provider_worlds import RECORDINGS, WORLDS

FOLDER = RECORDINGS / "smtp"
BOUNCE = (FOLDER / "hard-bounce.eml").read_bytes()


def smtp() -> Smtp:
    return Smtp(Smtp.Settings.model_validate(WORLDS["smtp"].settings), Net().client())


def events(body: bytes) -> list[MailEvent]:
    there = smtp()
    signs = WORLDS["smtp"].signs
    assert signs is not None
    found = there.translate(there.open(Request(signs(body, NOW), body), NOW))
    return [e for e in found if isinstance(e, MailEvent)]


def test_the_same_bounce_by_another_way_is_the_same_event() -> None:
    again = BOUNCE.replace(b"Return-Path: <>", b"Return-Path: <>\r\nReceived: from x by y")
    assert [e.external_id for e in events(again)] == [e.external_id for e in events(BOUNCE)]


def test_a_report_from_a_clock_that_is_ahead_is_dated_now() -> None:
    ahead = BOUNCE.replace(b"Date: Tue, 10 Mar 2026", b"Date: Tue, 10 Mar 2099").replace(
        b"Last-Attempt-Date", b"X-Date"
    )
    assert [e.at for e in events(ahead)] == [NOW]


def test_a_report_that_breaks_off_is_unreadable() -> None:
    for body, what in (
        (BOUNCE.replace(b"message/delivery-status", b"text/plain"), "no part"),
        (BOUNCE.replace(b"Final-Recipient", b"\r\n\r\n"), ""),
    ):
        if what:
            with pytest.raises(Unreadable, match=what):
                events(body)
        else:
            assert all(e.event for e in events(body))


def test_a_bounce_of_what_is_not_ours_changes_nothing() -> None:
    assert events(BOUNCE.replace(b"k5zq3mexample00000000000aa", b"../../etc/passwd")) == []


@pytest.mark.parametrize("status", ["5.1.1", "5.2.2", "5.7.1", "4.4.7", "5.0.0", "9.9.9", "", "5"])
def test_any_status_of_a_failure_is_a_bounce(status: str) -> None:
    body = BOUNCE.replace(b"Status: 5.1.1", b"Status: " + status.encode()).replace(b"550 5.1.1", b"550")
    (event,) = events(body)
    assert event.event == ("hard_bounce" if status == "5.1.1" else "soft_bounce")
    assert event.is_policy is (status == "5.7.1")


@given(st.integers(0, len(BOUNCE)), st.binary(max_size=8))
def test_a_damaged_report_is_read_or_turned_away(at: int, noise: bytes) -> None:
    for body in (BOUNCE[:at], BOUNCE[:at] + noise + BOUNCE[at:], BOUNCE[:at] + noise + BOUNCE[at + len(noise) :]):
        try:
            found = events(body)
        except DoorError:
            continue
        assert all(NOW - timedelta(days=40_000) < e.at for e in found)


def test_without_any_date_it_still_has_one() -> None:
    body = BOUNCE.replace(b"Date:", b"X-Date:")
    (event,) = smtp().translate(Envelope("d", "delivery-status", body))
    assert isinstance(event, MailEvent)
    assert event.at == datetime(1970, 1, 1, tzinfo=UTC)
