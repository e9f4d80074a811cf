"""Text."""

from __future__ import annotations

from typing import ClassVar

from automation.block import FONT, Block


class TextBlock(Block):
    """Paragraphs, with merge tags in them."""

    label: ClassVar[str] = "Text"
    icon: ClassVar[str] = "text-size"
    place: ClassVar[int] = 2

    def mjml(self) -> str:
        return f"""<mj-text font-family="{FONT}" font-size="16px" line-height="1.6" padding="0 32px 12px">Write something here.</mj-text>"""  # noqa: E501  MJML, which no line break may enter
