"""Social links."""

from __future__ import annotations

from typing import ClassVar

from automation.block import FONT, Block


class SocialBlock(Block):
    """Links to where the store is found elsewhere."""

    label: ClassVar[str] = "Social links"
    icon: ClassVar[str] = "share"
    place: ClassVar[int] = 9

    def mjml(self) -> str:
        return f"""<mj-text align="center" font-family="{FONT}" font-size="14px" padding="8px 32px">
  <p style="margin:0;"><a href="https://www.instagram.com/">Instagram</a> · <a href="https://www.facebook.com/">Facebook</a> · <a href="https://www.youtube.com/">YouTube</a></p>
</mj-text>"""  # noqa: E501  MJML, which no line break may enter
