from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.bounces import TABLE, Bounce, read, verdict_of


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("smtp;550 5.1.1 The email account that you tried to reach does not exist.", "hard"),
        ("smtp; 550-5.1.1 unknown user", "hard"),
        ("550 #5.1.2 bad host", "hard"),
        ("5.1.3", "hard"),
        ("550 5.1.6 moved", "hard"),
        ("556 5.1.10 null MX", "hard"),
        ("550 5.1.100 something else", None),
        ("550 5.2.1 disabled", "soft"),
        ("552 5.2.2 over quota", "soft"),
        ("552 5.3.4 too large", "soft"),
        ("451 4.3.0 try later", "soft"),
        ("421 4.7.0 rate limited", "policy"),
        ("550 5.7.26 unauthenticated", "policy"),
        ("550 5.7.515 access denied", "policy"),
        ("554 5.6.0 content", "policy"),
        ("250 2.0.0 OK", None),
        ("550 no such user", None),
        ("from [192.5.1.1] said no", None),
        ("host mx.example.com[5.1.1.7] refused", None),
        ("version 5.1.1.2", None),
        ("", None),
    ],
)
def test_a_status_code_says_what_a_bounce_is(text: str, verdict: str | None) -> None:
    assert verdict_of(text) == verdict


def test_the_first_code_counts() -> None:
    assert verdict_of("451 4.2.1 deferred; later 550 5.1.1 unknown") == "soft"


def test_a_code_softens_what_the_provider_says() -> None:
    assert read("hard_bounce", "552 5.2.2 full") == Bounce("soft_bounce")
    assert read("hard_bounce", "550 5.1.1 unknown") == Bounce("hard_bounce")
    assert read("hard_bounce", "550 5.7.1 blocked") == Bounce("hard_bounce", is_policy=True)
    assert read("hard_bounce", "nothing") == Bounce("hard_bounce")
    assert read("soft_bounce", "nothing", is_policy=True) == Bounce("soft_bounce", is_policy=True)


@given(st.sampled_from(sorted(TABLE)), st.text(max_size=20))
def test_no_code_hardens_what_the_provider_says(code: str, around: str) -> None:
    assert read("soft_bounce", f"{around} {code} {around}").event == "soft_bounce"
