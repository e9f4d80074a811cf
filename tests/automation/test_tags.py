"""What shops tell of tags and what flows say of them, in any order."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from automation.tags import MAX_TAGS, said, standing

tags = st.sampled_from(["gold", "vip", "new", "old", "big"])
lists = st.lists(tags, unique=True)
happenings = st.lists(
    st.one_of(
        st.tuples(st.just("shop"), lists),
        st.tuples(st.just("flow"), st.dictionaries(tags, st.booleans(), min_size=1, max_size=3)),
    ),
    max_size=12,
)


@given(lists, happenings)
def test_of_each_tag_the_flows_last_word_stands_and_else_the_shops(
    first: list[str], happened: list[tuple[str, object]]
) -> None:
    here, own = standing(first, None), list[Any]()
    told, words = set(first), dict[str, bool]()
    for who, what in happened:
        if isinstance(what, dict):
            words |= what
            own = said(own, what)
            here = standing(here, own)
        elif isinstance(what, list):
            told = set(what)
            here = standing(what, own)
        assert len(here) == len(set(here))
        for tag in ("gold", "vip", "new", "old", "big"):
            if tag in words:
                assert (tag in here) == words[tag], f"{who} changed {tag}"
            else:
                assert (tag in here) == (tag in told)


def test_too_many_tags_cost_the_shops_first() -> None:
    shops = [f"s{i}" for i in range(MAX_TAGS)]
    own = said(None, {"gold": True})
    here = standing(shops, own)
    assert len(here) == MAX_TAGS
    assert here[-1] == "gold"
    many = said(own, {f"f{i}": True for i in range(MAX_TAGS)})
    assert len(many) == MAX_TAGS
    assert "gold" not in dict(many), "the oldest is forgotten"
