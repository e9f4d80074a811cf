"""The merge tags that the editor offers: what a mail may say of its reader and its store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from automation.rendering.context import VALUES

_MONEY = frozenset({"price", "compare_at", "was_price", "total", "amount", "minimum", "spent", "value"})


class MergeTag(NamedTuple):
    """A tag and what it is called."""

    jinja: str
    label: str
    group: str


_OWN = (
    MergeTag('{{ customer.first_name|default("there", true) }}', "First name, or “there”", "customer"),
    MergeTag("{{ unsubscribe_url }}", "Unsubscribe link", "links"),
    MergeTag("{{ preferences_url }}", "Preferences link", "links"),
    MergeTag("{{ browser_url }}", "View in browser link", "links"),
)


def merge_tags(sample: Mapping[str, Any]) -> list[MergeTag]:
    """Those there are, from the shape of sample variables."""
    return [*_OWN, *(tag for name in sorted(sample) if name in VALUES for tag in _under(name, sample[name]))]


def _under(name: str, value: Any) -> Iterator[MergeTag]:
    if not isinstance(value, dict):
        return
    currency = f"{name}.currency" if "currency" in value else "store.currency"
    for key, inner in value.items():
        if isinstance(inner, dict | list):
            continue
        path = f"{name}.{key}"
        if key in _MONEY:
            path += f"|money({currency}, store.locale)"
        elif key.endswith(("_on", "_at")):
            path += '|date("long", store.locale)'
        yield MergeTag("{{ " + path + " }}", key.replace("_", " ").capitalize(), name)
