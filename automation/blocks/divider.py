"""Divider."""

from __future__ import annotations

from typing import ClassVar

from automation.block import Block


class DividerBlock(Block):
    """A thin line."""

    label: ClassVar[str] = "Divider"
    icon: ClassVar[str] = "separator-horizontal"
    place: ClassVar[int] = 10

    def mjml(self) -> str:
        return """<mj-divider border-width="1px" border-color="#d9d4cb" padding="16px 32px" />"""
