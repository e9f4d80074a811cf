"""Button."""

from __future__ import annotations

from typing import ClassVar

from automation.block import ACCENT, ACCENT_TEXT, FONT, Block


class ButtonBlock(Block):
    """A link that looks like a button, in the brand's colour."""

    label: ClassVar[str] = "Button"
    icon: ClassVar[str] = "click"
    place: ClassVar[int] = 4

    def mjml(self) -> str:
        return f"""<mj-button href="{{{{ store.url }}}}" background-color="{ACCENT}" color="{ACCENT_TEXT}" font-family="{FONT}" font-size="16px" inner-padding="14px 28px" padding="8px 32px">Have a look</mj-button>"""  # noqa: E501  MJML, which no line break may enter
