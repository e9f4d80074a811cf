"""The rule by which an order counts for a mail, against one that is written down another way."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from automation.insights.attribution.rules import Hit, Window, choose, verdict, window_of
from automation.policy import Policy
from tests.conftest import NOW

_HITS = st.lists(
    st.builds(
        Hit,
        id=st.integers(1, 99),
        message_id=st.integers(1, 3),
        campaign_id=st.none(),
        type=st.sampled_from(["click", "open"]),
        at=st.integers(-12, 3).map(lambda days: NOW + timedelta(days=days)),
        is_machine=st.booleans(),
    ),
    unique_by=lambda hit: hit.id,
    max_size=8,
)


@given(_HITS, st.integers(0, 10), st.booleans())
def test_the_last_human_click_in_the_window_wins_and_opens_only_where_nobody_clicked(
    hits: list[Hit], days: int, opens: bool
) -> None:
    window = Window(days * 86_400, opens)
    found = choose(hits, NOW, window)
    found_id = found.id if found else None
    for kind in ("click", "open") if opens else ("click",):
        best = None
        for hit in hits:
            age = NOW - hit.at
            counts = hit.type == kind and not hit.is_machine and timedelta() <= age < timedelta(days=days)
            if counts and (best is None or (hit.at, hit.id) > (best.at, best.id)):
                best = hit
        if best is not None:
            assert found_id == best.id
            return
    assert found is None


def test_whoever_loses_is_told_why() -> None:
    window = window_of(Policy())
    assert window.days == 5

    def why(kind: str, days: float, *, is_machine: bool = False) -> str:
        return verdict(Hit(1, 1, None, kind, NOW - timedelta(days=days), is_machine=is_machine), NOW, window)

    assert [why("click", 1), why("click", 5), why("click", -1), why("open", 1), why("click", 1, is_machine=True)] == [
        "",
        "before",
        "after",
        "open",
        "machine",
    ]
