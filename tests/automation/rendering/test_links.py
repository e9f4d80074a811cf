from hypothesis import given
from hypothesis import strategies as st

from automation.rendering.links import addresses, is_target, read_token, sign_target, target_of, token

KEY = b"k" * 32
OTHER = b"o" * 32
IDS = st.text("abcdefghijklmnopqrstuvwxyz234567", min_size=1, max_size=32)


@given(IDS)
def test_a_token_names_its_message_and_is_safe_in_a_url(public_id: str) -> None:
    made = token(KEY, public_id)
    assert read_token(KEY, made) == public_id
    assert made.replace("-", "").replace("_", "").isalnum()


@given(IDS, st.integers(0, 200), st.characters())
def test_a_token_that_was_changed_names_nothing(public_id: str, at: int, letter: str) -> None:
    made = token(KEY, public_id)
    at %= len(made)
    changed = made[:at] + letter + made[at + 1 :]
    assert changed == made or read_token(KEY, changed) is None


@given(st.text(max_size=300))
def test_no_text_from_outside_is_a_token(text: str) -> None:
    assert read_token(KEY, text) is None


def test_a_token_of_another_installation_names_nothing() -> None:
    assert read_token(KEY, token(OTHER, "abc")) is None


def test_a_target_is_ours_only_with_its_own_signature() -> None:
    signature = sign_target(KEY, "https://shop.example.com/a")
    assert is_target(KEY, "https://shop.example.com/a", signature)
    assert not is_target(KEY, "https://evil.example.com/a", signature)
    assert not is_target(OTHER, "https://shop.example.com/a", signature)
    assert not is_target(KEY, "https://shop.example.com/a", "é" * 22)


def test_a_tokens_signature_is_no_targets_signature() -> None:
    assert not is_target(KEY, "abc", token(KEY, "abc")[3:])


def test_only_static_links_have_a_stored_target() -> None:
    stored = [
        {"number": 1, "url": "https://a.example.com", "label": "", "is_dynamic": False},
        {"number": 2, "url": "{{ item.url }}", "label": "", "is_dynamic": True},
    ]
    assert [target_of(stored, n) for n in (1, 2, 3)] == ["https://a.example.com", None, None]


def test_addresses_begin_with_the_base_url() -> None:
    assert addresses("https://m.example.com", "T").unsubscribe == "https://m.example.com/u/T"
