"""People and programs told apart, by nothing but a message's own hits."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from automation.insights.hits import BURST, BURST_SPAN, Raw, judge
from tests.conftest import NOW

PERSON = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"

_RAW = st.lists(
    st.builds(
        Raw,
        id=st.integers(1, 10_000),
        type=st.sampled_from(["click", "open"]),
        at=st.integers(0, 4000).map(lambda ms: NOW + timedelta(milliseconds=ms)),
        agent=st.sampled_from([PERSON, PERSON, "curl/8", "Barracuda Sentinel"]),
        link=st.sampled_from([1, 2, 3, 4, 0]),
        told=st.sampled_from(["", "", "", "prefetch"]),
        ruling=st.sampled_from(["", "", "", "person", "machine"]),
        is_ours=st.booleans(),
    ),
    unique_by=lambda raw: raw.id,
    max_size=14,
)


@given(_RAW, st.randoms())
def test_the_order_in_which_hits_became_known_does_not_matter(raws: list[Raw], chance: object) -> None:
    shuffled = list(raws)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]  # a Random
    assert judge(shuffled) == judge(raws)


@given(_RAW)
def test_a_burst_is_what_counting_every_second_finds(raws: list[Raw]) -> None:
    clicks = [raw for raw in raws if raw.is_ours and raw.type == "click"]
    inside = set()
    for first in clicks:
        window = [raw for raw in clicks if first.at <= raw.at < first.at + BURST_SPAN]
        if len(window) >= BURST:
            inside |= {raw.id for raw in window}
    found = judge(raws)
    plain = {raw.id for raw in clicks if not raw.ruling and not raw.told and found[raw.id] != "hidden_link"}
    assert {raw_id for raw_id in plain if found[raw_id] == "burst"} == inside & plain


@given(_RAW)
def test_a_ruling_stands_above_everything_and_taking_it_back_restores_the_rest(raws: list[Raw]) -> None:
    found = judge(raws)
    for raw in raws:
        if raw.ruling:
            assert found[raw.id] == ("by_hand" if raw.ruling == "machine" else "")


def test_whoever_follows_the_link_that_no_reader_sees_did_its_neighbours_too() -> None:
    def click(number: int, link: int, seconds: float, agent: str = PERSON) -> Raw:
        return Raw(number, "click", NOW + timedelta(seconds=seconds), agent, link)

    hits = [click(1, 1, 0), click(2, 0, 3), click(3, 2, 6), click(4, 2, 60), click(5, 1, 5, PERSON + " other")]
    assert judge(hits) == {1: "hidden_link", 2: "hidden_link", 3: "hidden_link", 4: "", 5: ""}
