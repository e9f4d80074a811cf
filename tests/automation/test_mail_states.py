from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from automation.changes import MAIL_EVENTS, MailEvent
from automation.mail_states import CHANGING, REASONS, moved
from automation.models import SENT, STATES
from automation.reasons import SENTENCES
from tests.conftest import NOW

HOUR = timedelta(hours=1)


def message(state: str = "submitting", **values: Any) -> Any:
    given: dict[str, Any] = {**dict.fromkeys(CHANGING), "state": state, "reason": "", "fence": 1}
    return SimpleNamespace(**{**given, "created_at": NOW - 100 * HOUR, **values})


def event(name: str, hours: float = 0, **values: Any) -> MailEvent:
    given: dict[str, Any] = {"event": name, "at": NOW - 50 * HOUR + hours * HOUR, "external_id": "e"}
    return MailEvent(**{**given, **values})


def after(old: Any, *events: MailEvent) -> Any:
    return SimpleNamespace(**{**vars(old), **moved(old, list(events), 1, NOW)})


events = st.builds(
    event,
    st.sampled_from(MAIL_EVENTS),
    st.integers(-60, 60),
    is_machine=st.booleans(),
    is_suppressed=st.booleans(),
    provider_id=st.just("p1"),
)


@given(st.sampled_from(STATES), st.lists(events, min_size=1, max_size=6), st.data())
def test_any_order_one_by_one_or_together_ends_in_one_state(
    state: str, told: list[MailEvent], data: st.DataObject
) -> None:
    old = message(state, accepted_at=NOW - 60 * HOUR if state in SENT else None)
    together = after(old, *told)
    step = old
    for one in data.draw(st.permutations(told)):
        step = after(step, one)
    assert {**vars(step), "fence": 0} == {**vars(together), "fence": 0}


@given(st.sampled_from(STATES), st.lists(events, max_size=6))
def test_the_fence_rises_whenever_a_mail_on_its_way_moves(state: str, told: list[MailEvent]) -> None:
    old = message(state)
    new = after(old, *told)
    assert new.fence - old.fence == (new.state != state and state not in SENT)
    assert new.state in {state, "rejected", *SENT}


@given(st.sampled_from(STATES), st.lists(events, max_size=6))
def test_every_instant_lies_between_the_mails_making_and_now(state: str, told: list[MailEvent]) -> None:
    new = after(message(state), *told)
    for name in CHANGING:
        if name.endswith("_at") and getattr(new, name):
            assert NOW - 100 * HOUR <= getattr(new, name) <= NOW


def test_each_fate_outranks_the_one_before() -> None:
    told: list[MailEvent] = []
    for name, state in (
        ("accepted", "accepted"),
        ("rejected", "rejected"),
        ("delivered", "delivered"),
        ("soft_bounce", "bounced"),
        ("complaint", "complained"),
    ):
        told.insert(0, event(name))
        assert after(message(), *told).state == state


def test_the_weightiest_reason_stays() -> None:
    old = message("retry", reason="throttled")
    assert after(old, event("accepted")).reason == "accepted"
    assert after(message("unknown", reason="possible_duplicate"), event("open")).reason == "possible_duplicate"
    assert after(message("bounced", reason="hard_bounce"), event("open")).reason == "hard_bounce"
    assert after(old, event("hard_bounce"), event("soft_bounce")).reason == "hard_bounce"
    assert after(message("bounced", reason="hard_bounce"), event("soft_bounce")).reason == "hard_bounce"
    assert after(message("rejected", reason="refused"), event("open")).reason == "refused"


def test_every_reason_that_an_event_gives_has_a_sentence() -> None:
    assert {*REASONS, "accepted"} <= set(SENTENCES)


def test_the_providers_id_is_kept_once_known() -> None:
    assert after(message(), event("delivered", provider_id="p1")).provider_id == "p1"
    assert after(message(provider_id="p0", connection_id=7), event("open", provider_id="p1")).connection_id == 7
