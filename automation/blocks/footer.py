"""Footer."""

from __future__ import annotations

from typing import ClassVar

from automation.block import FONT, Block


class FooterBlock(Block):
    """The ways out that every mail must have, and the store's postal address."""

    label: ClassVar[str] = "Footer"
    icon: ClassVar[str] = "layout-bottombar"
    place: ClassVar[int] = 13

    def mjml(self) -> str:
        return f"""<mj-section padding="28px 0 40px">
  <mj-column>
    <mj-text align="center" font-family="{FONT}" font-size="13px" line-height="1.6" color="#6b6560">
      <p style="margin:0 0 8px;"><a href="{{{{ unsubscribe_url }}}}" style="color:inherit;">Unsubscribe</a> · <a href="{{{{ preferences_url }}}}" style="color:inherit;">Preferences</a> · <a href="{{{{ browser_url }}}}" style="color:inherit;">View in browser</a></p>
      <p style="margin:0;">{{{{ store.name }}}}, {{{{ store.postal_address }}}}</p>
    </mj-text>
  </mj-column>
</mj-section>"""  # noqa: E501  MJML, which no line break may enter
