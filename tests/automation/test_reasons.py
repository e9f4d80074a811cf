from __future__ import annotations

import ast
import re
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from automation import arbiter, mail_states
from automation.arbiter import Draft, Facts
from automation.delivery import results
from automation.models import Suppression
from automation.policy import Policy
from automation.reasons import SENTENCES, SUPPRESSIONS, day_and_time, kind_of_reason, reason, verdict
from tests.conftest import NOW

SOURCE = Path(arbiter.__file__).parent


def test_every_reason_that_the_arbiter_can_give_has_a_sentence() -> None:
    assert set(arbiter.REASONS) <= set(SENTENCES)


def codes_in(tree: ast.AST) -> set[str]:
    """String constants that a piece of code gives as a message's reason."""
    given: list[ast.expr] = []
    for node in ast.walk(tree):
        match node:
            case ast.keyword(arg="reason", value=value):
                given.append(value)
            case ast.Dict(keys=keys, values=values):
                given += [v for k, v in zip(keys, values, strict=True) if getattr(k, "value", None) == "reason"]
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)):
                given += [v for n, v in zip(names, values, strict=True) if getattr(n, "id", "") == "reason"]
            case ast.Assign(targets=[ast.Name(id="reason")], value=value):
                given.append(value)
    constants = (c.value for value in given for c in ast.walk(value) if isinstance(c, ast.Constant))
    return {c for c in constants if isinstance(c, str) and re.fullmatch("[a-z]+(_[a-z]+)*", c)}


def test_every_reason_that_delivery_can_give_has_a_sentence() -> None:
    files = [*(SOURCE / "delivery").glob("*.py"), SOURCE / "mail_states.py", SOURCE / "actions" / "test_mails.py"]
    found = set().union(*(codes_in(ast.parse(file.read_text())) for file in files))
    assert {"no_answer", "retries_exhausted", "poison"} <= found, "the search itself works"
    known = {*found, *mail_states.REASONS, results.POSSIBLE_DUPLICATE, results.UNRESOLVED, "template_broken"}
    assert known - SUPPRESSIONS.keys() - SENTENCES.keys() == set()


def test_every_reason_can_be_told_without_its_facts() -> None:
    for code in SENTENCES:
        assert "{" not in reason(code)
        assert reason(code) != code.replace("_", " "), "the last template of a code needs no facts"


def test_every_suppression_has_words() -> None:
    table: Any = Suppression.__table__
    check = next(c for c in table.constraints if c.name == "ck_suppressions_reason")
    assert all(f"'{word}'" in str(check.sqltext) for word in SUPPRESSIONS)
    assert str(check.sqltext).count("'") == 2 * len(SUPPRESSIONS)


def decided(now: datetime = NOW, **facts: object) -> str:
    """What the arbiter says of a newsletter in Berlin, in words."""
    draft = Draft(
        message_id=1, customer_id=1, mail_class="promotional", topic="marketing", priority=50,
        created_at=now, expires_at=now + timedelta(hours=48),
    )  # fmt: skip
    seen = Facts(**{"email_key": "ada@example.com", "consent": "granted", "timezone": "Europe/Berlin", **facts})  # type: ignore[arg-type]
    found = arbiter.decide(draft, seen, Policy(), now)
    return verdict(found.outcome, found.reason, found.facts, found.until, "Europe/Berlin")


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({}, "Goes out: nothing speaks against it."),
        ({"suppression": "complaint"}, "Not sent: the address must not be mailed (its owner called a mail spam)."),
        (
            {"consent": "withdrawn", "consent_at": NOW - timedelta(days=3)},
            "Not sent: no consent to marketing (withdrawn since Sat 7 Mar 13:00).",
        ),
        ({"consent": None}, "Not sent: no consent to marketing (never asked)."),
        (
            {"last_capped_at": NOW - timedelta(hours=2)},
            "Not now: another mail went on Tue 10 Mar 11:00, and there is at most one in 16 hours; "
            "put off until Wed 11 Mar 08:00, past the quiet hours as well.",
        ),
        (
            {"failing": "the cart still has items"},
            "Not sent: it no longer holds that the cart still has items.",
        ),
    ],
)  # fmt: skip
def test_a_decision_is_told_with_the_facts_it_saw(facts: dict[str, Any], words: str) -> None:
    assert decided(**facts) == words


def test_the_night_is_told_in_the_customers_own_hours() -> None:
    at_night = datetime.combine(NOW.date(), time(21, 10), tzinfo=UTC)
    assert decided(at_night) == (
        "Not now: it is 22:10 there, and mails rest from 21:00 to 08:00 (Europe/Berlin); "
        "put off until Wed 11 Mar 08:00."
    )


def test_a_code_of_tomorrow_is_read_out_as_it_is() -> None:
    assert reason("moon_is_full") == "moon is full"


def test_an_unknown_zone_is_told_in_utc() -> None:
    assert day_and_time(NOW, "Mars/Olympus") == "Tue 10 Mar 12:00"


def test_what_befell_many_is_counted_without_what_is_each_ones_own() -> None:
    since = ({"topic": "news", "consent": "withdrawn", "since": f"2026-03-0{day}T09:00:00+00:00"} for day in (1, 2))
    assert {kind_of_reason("no_consent", facts) for facts in since} == {"no consent to news (withdrawn)"}
    assert kind_of_reason("daily_limit", {"count": 3, "most": 2, "timezone": "UTC"}) == (
        "the customer has had as many mails today as may be"
    )
