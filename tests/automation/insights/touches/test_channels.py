"""Every visit is sorted into one channel, whatever is told of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.insights.touches.channels import CHANNELS, DEVICES, RULES, device_of, touch_of

OWN = "www.wren.example.com"


@pytest.mark.parametrize(
    ("told", "channel"),
    [
        ({"utm": {"source": "spring", "medium": "email"}}, "email"),
        ({"referrer": "https://mail.google.com/mail/u/0"}, "email"),
        ({"utm": {"source": "google", "medium": "cpc"}}, "paid_search"),
        ({"landing": "/?gclid=abc", "referrer": "https://www.google.com/"}, "paid_search"),
        ({"utm": {"source": "facebook", "medium": "cpc"}}, "paid_social"),
        ({"utm": {"source": "x"}, "referrer": "https://t.co/a"}, "social"),
        ({"referrer": "https://l.instagram.com/"}, "social"),
        ({"referrer": "https://www.google.co.uk/search"}, "search"),
        ({"channel": "organic", "referrer": "https://duckduckgo.com/"}, "search"),
        ({"referrer": "https://blog.example.org/teacups"}, "referral"),
        ({"utm": {"campaign": "autumn", "source": "flyer"}}, "campaign"),
        ({"channel": "typein"}, "direct"),
        ({"channel": "web", "landing": "/"}, "direct"),
        ({"landing": "/", "referrer": f"https://{OWN}/cart"}, "direct"),
        ({"channel": "pos"}, "offline"),
        ({"utm": {"medium": "affiliate", "source": "x"}}, "affiliate"),
        ({"device": "mobile"}, "unknown"),
        ({}, "unknown"),
        (None, "unknown"),
    ],
)
def test_what_is_told_of_a_visit_names_its_channel(told: dict[str, Any] | None, channel: str) -> None:
    assert touch_of(told, OWN).channel == channel


def test_parameters_are_read_from_the_landing_page_too_and_the_shops_own_pages_are_no_referrer() -> None:
    touch = touch_of(
        {"landing": "/?utm_source=Spring&utm_medium=email&utm_campaign=tea", "referrer": f"https://shop.{OWN[4:]}/"},
        OWN,
    )
    assert (touch.source, touch.medium, touch.campaign, touch.referrer) == ("Spring", "email", "tea", "")


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=30) | st.just("http://[bad"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_NAMES = st.sampled_from(["channel", "utm", "referrer", "landing", "device", "country", "ids"])


@given(st.dictionaries(_NAMES, _ANY, max_size=7) | _ANY)
def test_nothing_that_is_told_breaks_it_or_makes_a_channel_of_its_own(told: Any) -> None:
    touch = touch_of(told, OWN)
    assert touch.channel in CHANNELS
    assert touch.device in DEVICES
    assert max(map(len, (touch.source, touch.medium, touch.campaign, touch.referrer))) <= 200


def test_every_rule_of_the_table_names_a_channel_and_has_a_condition() -> None:
    for rule in RULES:
        assert rule.channel in CHANNELS
        assert any((rule.mediums, rule.sources, rule.said, rule.ids, rule.hosts, rule.has))


def test_browsers_say_what_they_run_on() -> None:
    assert device_of("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Mobile/15E148") == "mobile"
    assert device_of("Mozilla/5.0 (iPad; CPU OS 17_0 like Mac OS X)") == "tablet"
    assert device_of("Mozilla/5.0 (Linux; Android 14; SM-X710) Safari/537.36") == "tablet"
    assert device_of("Mozilla/5.0 (Linux; Android 14; Pixel 8) Mobile Safari/537.36") == "mobile"
    assert device_of("Mozilla/5.0 (X11; Linux x86_64)") == "desktop"
    assert device_of("") == ""
