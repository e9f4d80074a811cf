"""Heading."""

from __future__ import annotations

from typing import ClassVar

from automation.block import HEADING_FONT, Block


class HeadingBlock(Block):
    """A line in the brand's large letters."""

    label: ClassVar[str] = "Heading"
    icon: ClassVar[str] = "heading"
    place: ClassVar[int] = 1

    def mjml(self) -> str:
        return f"""<mj-text font-family="{HEADING_FONT}" font-size="28px" line-height="1.25" padding="0 32px 8px">A heading</mj-text>"""  # noqa: E501  MJML, which no line break may enter
