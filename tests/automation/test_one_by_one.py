from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation import one_by_one as module
from automation.delivery.results import Answer
from automation.errors import HeldBack, Later, Misconfigured, Refused, SendError, Unsure
from automation.one_by_one import one_by_one
from automation.provider import Accepted, Mail, Outcome
from tests.contracts.provider_worlds import mail

MAILS = [mail(n) for n in range(12)]


def answering(**errors: SendError) -> tuple[list[str], Callable[[Mail], Outcome]]:
    """Somebody who takes every mail but those with an error, and who was asked."""
    asked: list[str] = []

    def submit(one: Mail) -> Outcome:
        asked.append(one.message_id)
        if one.message_id in errors:
            raise errors[one.message_id]
        return Accepted(f"id-of-{one.message_id}")

    return asked, submit


def test_each_mail_has_its_outcome_in_order() -> None:
    asked, submit = answering(message3=Refused("no such address"))
    outcomes = one_by_one(MAILS, submit)
    assert asked[0] == "message0"
    assert sorted(asked) == sorted(m.message_id for m in MAILS)
    assert isinstance(outcomes[3], Refused)
    assert [o for o in outcomes if isinstance(o, Accepted)] == [
        Accepted(f"id-of-message{n}") for n in range(12) if n != 3
    ]


def test_several_are_under_way_at_a_time() -> None:
    together = threading.Barrier(module.LANES, timeout=10)

    def submit(one: Mail) -> Outcome:
        if one.message_id != "message0":
            together.wait()  # passes only when so many stand here at once
        return Accepted("")

    assert one_by_one(MAILS[: module.LANES + 1], submit) == [Accepted("")] * (module.LANES + 1)


@pytest.mark.parametrize("error", [Later("busy", after=timedelta(seconds=7)), Misconfigured("no such key")])
def test_a_first_mail_that_is_turned_away_turns_the_batch_away(error: SendError) -> None:
    asked, submit = answering(message0=error)
    with pytest.raises(type(error)) as caught:
        one_by_one(MAILS, submit)
    assert caught.value is error
    assert asked == ["message0"]


def test_a_first_mail_without_an_answer_leaves_only_itself_unknown() -> None:
    asked, submit = answering(message0=Unsure("time-out"))
    first, *others = one_by_one(MAILS, submit)
    assert isinstance(first, Unsure)
    assert {type(o) for o in others} == {HeldBack}
    assert asked == ["message0"]


@pytest.mark.parametrize("error", [Refused("no"), Unsure("time-out")])
def test_an_only_mail_is_the_whole_batch(error: SendError) -> None:
    _, submit = answering(message0=error)
    with pytest.raises(type(error)):
        one_by_one(MAILS[:1], submit)


def test_a_refused_first_mail_says_nothing_about_the_others() -> None:
    _, submit = answering(message0=Refused("no such address"))
    first, *others = one_by_one(MAILS, submit)
    assert isinstance(first, Refused)
    assert all(isinstance(o, Accepted) for o in others)


def test_who_is_throttled_stops_those_that_have_not_left() -> None:
    asked, submit = answering(message1=Later("too many", after=timedelta(seconds=3)))
    many = [mail(n) for n in range(300)]
    outcomes = one_by_one(many, submit)
    held = [o for o in outcomes if isinstance(o, HeldBack)]
    assert len(asked) + len(held) == 300
    assert held
    assert {o.after for o in held} == {timedelta(seconds=3)}


def test_what_was_held_back_lets_the_connection_rest() -> None:
    busy = HeldBack("Not tried", after=timedelta(seconds=3))
    answer = Answer([Accepted("1"), Unsure("time-out"), busy])
    assert (answer.concern, answer.may_go_on) == (busy, False)


def test_a_slow_provider_is_not_waited_for_longer_than_the_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter(range(0, 100_000, 15))
    monkeypatch.setattr(module, "stopwatch", lambda: float(next(ticks)))
    asked, submit = answering()
    outcomes = one_by_one(MAILS, submit)
    assert len(asked) < len(MAILS)
    assert isinstance(outcomes[-1], HeldBack)


def test_an_adapters_slip_costs_one_mail() -> None:
    def submit(one: Mail) -> Outcome:
        if one.message_id == "message5":
            raise KeyError("oops")
        return Accepted("")

    outcomes = one_by_one(MAILS, submit)
    assert isinstance(outcomes[5], Unsure)
    assert all(isinstance(o, Accepted) for o in outcomes[:5])


@given(st.lists(st.sampled_from(["ok", "refused", "later", "unsure", "misconfigured"]), min_size=1, max_size=30))
def test_nobody_who_was_asked_counts_as_not_tried(fates: list[str]) -> None:
    kinds = {"refused": Refused, "later": Later, "unsure": Unsure, "misconfigured": Misconfigured}
    mails = [mail(n) for n in range(len(fates))]
    errors = {m.message_id: kinds[f]("x") for m, f in zip(mails, fates, strict=True) if f != "ok"}
    asked, submit = answering(**errors)
    try:
        outcomes = one_by_one(mails, submit)
    except SendError:
        assert asked == ["message0"]
        return
    assert len(outcomes) == len(mails)
    for one, outcome in zip(mails, outcomes, strict=True):
        assert (one.message_id in asked) == (not isinstance(outcome, HeldBack))
        if not isinstance(outcome, HeldBack):
            expected = errors.get(one.message_id, Accepted(f"id-of-{one.message_id}"))
            assert outcome == expected or outcome is expected
