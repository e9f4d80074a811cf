"""Cart."""

from __future__ import annotations

from typing import ClassVar

from automation.block import FONT, Block


class CartBlock(Block):
    """What is in the customer's cart, with its total; nothing without one."""

    label: ClassVar[str] = "Cart"
    icon: ClassVar[str] = "shopping-cart"
    place: ClassVar[int] = 6

    def mjml(self) -> str:
        return f"""{{% if cart["items"] %}}
<mj-table font-family="{FONT}" padding="0 32px 16px">
  {{% for item in cart["items"][:6] %}}
  <tr>
    <td width="80" style="width:80px;padding:8px 0;"><img src="{{{{ item.image_url }}}}" alt="{{{{ item.title }}}}" width="64" style="display:block;width:64px;border:0;border-radius:8px;"></td>
    <td style="padding:8px 0;"><a href="{{{{ item.url|default(store.url, true) }}}}" style="color:inherit;text-decoration:none;">{{{{ item.title|truncate(80) }}}}</a></td>
    <td align="right" style="padding:8px 0;text-align:right;">{{{{ item.quantity }}}} × {{{{ item.price|money(cart.currency, store.locale) }}}}</td>
  </tr>
  {{% endfor %}}
  <tr><td colspan="2" style="padding:8px 0;">Total</td><td align="right" style="padding:8px 0;text-align:right;">{{{{ cart.total|money(cart.currency, store.locale) }}}}</td></tr>
</mj-table>
{{% endif %}}"""  # noqa: E501  MJML, which no line break may enter
