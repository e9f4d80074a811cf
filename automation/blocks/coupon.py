"""Coupon."""

from __future__ import annotations

from typing import ClassVar

from automation.block import FONT, Block


class CouponBlock(Block):
    """The customer's own code, what it is worth and until when; nothing without one."""

    label: ClassVar[str] = "Coupon"
    icon: ClassVar[str] = "discount"
    place: ClassVar[int] = 8

    def mjml(self) -> str:
        return f"""{{% if offer.code %}}
<mj-text align="center" font-family="{FONT}" line-height="1.6" padding="8px 32px 16px">
  <p style="margin:0;">{{{{ offer.label }}}}</p>
  <p style="margin:0;font-size:24px;"><strong>{{{{ offer.code }}}}</strong></p>
  {{% if offer.expires_on %}}<p style="margin:0;">Good until {{{{ offer.expires_on|date("long", store.locale) }}}}</p>{{% endif %}}
</mj-text>
{{% endif %}}"""  # noqa: E501  MJML, which no line break may enter
