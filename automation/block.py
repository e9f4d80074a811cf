"""The contract of a block: something that the template editor's “+” puts into a mail.

A block is one file in `automation/blocks/`. It is a piece of MJML and nothing more: once it stands in a mail it is that
mail's own text. Colours and fonts are asked of the store's brand when the mail is rendered, so that a new brand reaches
every mail.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cache
from typing import ClassVar

from automation.discovery import implementations

ACCENT = '{{ store.brand.accent|default("#20504a", true) }}'
ACCENT_TEXT = '{{ store.brand.accent_text|default("#ffffff", true) }}'
FONT = '{{ store.brand.font|default("Helvetica, Arial, sans-serif", true) }}'
HEADING_FONT = '{{ store.brand.heading_font|default("Georgia, Times New Roman, serif", true) }}'


class Block(ABC):
    """A kind of block; its docstring is its help."""

    kind: ClassVar[str]
    label: ClassVar[str]
    icon: ClassVar[str]
    place: ClassVar[int]
    """Where it stands in the menu."""

    @abstractmethod
    def mjml(self) -> str:
        """What is written into the mail."""


@cache
def blocks() -> tuple[Block, ...]:
    """What can be put into a mail, in the menu's order."""
    kinds = implementations("automation.blocks", Block)  # type: ignore[type-abstract]  # the contract itself is looked for
    return tuple(sorted((cls() for cls in kinds.values()), key=lambda b: b.place))


PRODUCT_CELL = f"""<td width="50%" style="width:50%;padding:12px;vertical-align:top;">
  <a href="{{{{ product.url|default(store.url, true) }}}}" style="text-decoration:none;">\
<img src="{{{{ product.image_url }}}}" alt="{{{{ product.title }}}}" width="256" \
style="display:block;width:100%;border:0;border-radius:8px;"></a>
  <a href="{{{{ product.url|default(store.url, true) }}}}" style="display:block;padding-top:10px;color:inherit;\
font-family:{FONT};font-weight:600;text-decoration:none;">{{{{ product.title|truncate(60) }}}}</a>
  <span style="font-family:{FONT};">{{{{ product.price|money(store.currency, store.locale) }}}}</span>
</td>"""


def grid(name: str, count: int) -> str:
    """Up to `count` of the products called `name`, two beside each other; nothing where there are none."""
    cell = PRODUCT_CELL.replace("\n", "\n    ")
    return f"""{{% if {name} %}}
<mj-table padding="0 20px">
  {{% for pair in {name}[:{count}]|batch(2) %}}
  <tr>
    {{% for product in pair %}}
    {cell}
    {{% endfor %}}
  </tr>
  {{% endfor %}}
</mj-table>
{{% endif %}}"""
