from __future__ import annotations

import pytest

from webapp.words import browser

MOZILLA = "Mozilla/5.0"


@pytest.mark.parametrize(
    ("agent", "said"),
    [
        (f"{MOZILLA} (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        (f"{MOZILLA} (Windows NT 10.0) AppleWebKit/537.36 Chrome/130.0 Safari/537.36 Edg/130.0", "Edge on Windows"),
        (f"{MOZILLA} (Linux; Android 15) AppleWebKit/537.36 Chrome/130.0 Mobile Safari/537.36", "Chrome on Android"),
        (f"{MOZILLA} (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1", "Safari on iPhone"),
        (f"{MOZILLA} (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605 Version/18 Safari/605", "Safari on Mac"),
        ("curl/8.7.1", "curl/8.7.1"),
        ("", "Unknown browser"),
    ],
)
def test_a_browser_is_called_what_its_owner_calls_it(agent: str, said: str) -> None:
    assert browser(agent) == said
