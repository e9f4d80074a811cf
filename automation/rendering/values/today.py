"""The date."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from automation.models import Message
from automation.rendering.value import Batch, Value


class TodayValue(Value):
    """The date where the recipient lives, for the `date` filter."""

    def load(self, batch: Batch, messages: Sequence[Message]) -> Callable[[Message], Any]:
        del messages
        dates: dict[Any, str] = {}

        def today(m: Message) -> str:
            where = batch.zone(m)
            found = dates.get(where)
            if found is None:
                found = dates[where] = batch.today(m).isoformat()
            return found

        return today
