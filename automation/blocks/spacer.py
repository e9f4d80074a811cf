"""Spacer."""

from __future__ import annotations

from typing import ClassVar

from automation.block import Block


class SpacerBlock(Block):
    """Empty room."""

    label: ClassVar[str] = "Spacer"
    icon: ClassVar[str] = "spacing-vertical"
    place: ClassVar[int] = 11

    def mjml(self) -> str:
        return """<mj-spacer height="24px" />"""
