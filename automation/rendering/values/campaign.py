"""Which campaign a mail belongs to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from automation.models import Message
from automation.rendering.value import Batch, Value


class CampaignValue(Value):
    """The campaign: its name."""

    def load(self, batch: Batch, messages: Sequence[Message]) -> Callable[[Message], Any]:
        del messages
        names = {row.id: {"name": row.name} for row in batch.campaigns.values()}
        none = {"name": ""}
        return lambda m: names.get(m.campaign_id or 0, none)
