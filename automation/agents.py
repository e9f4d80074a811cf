"""Who fetches a mail's links and pictures, by the name they give: programs that are known to do so."""

from __future__ import annotations

import re
from functools import lru_cache

_SCANNERS = re.compile(
    r"bot\b|bot/|crawl|spider|slurp|preview|scan|monitor|barracuda|proofpoint|mimecast|safelinks|fireeye|trendmicro"
    r"|symantec|cloudmark|ironport|sophos|headlesschrome|phantomjs|python|curl|wget|java/|go-http|okhttp|libwww"
    r"|httpclient|facebookexternalhit|whatsapp|telegram|skypeuripreview",
    re.IGNORECASE,
)
_PROXIES = re.compile(r"googleimageproxy|ggpht\.com|yahoomailproxy|outlook-?proxy|duckduckgo", re.IGNORECASE)
_APPLE = re.compile(r"Mozilla/5\.0( \(Macintosh; Intel Mac OS X [\d_]+\) AppleWebKit/[\d.]+ \(KHTML, like Gecko\))?")
"""Apple's mail privacy proxy says this and no more: no browser's name, no version."""


@lru_cache(maxsize=4096)
def is_machine(type: str, agent: str) -> bool:  # noqa: A002  a hit's type, as everywhere
    """Whether programs, not people, introduce themselves like this."""
    if not agent or _SCANNERS.search(agent):
        return True
    return type == "open" and bool(_PROXIES.search(agent) or _APPLE.fullmatch(agent))
