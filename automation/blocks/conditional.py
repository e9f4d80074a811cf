"""Conditional."""

from __future__ import annotations

from typing import ClassVar

from automation.block import FONT, Block


class ConditionalBlock(Block):
    """Something that only some customers see."""

    label: ClassVar[str] = "Conditional"
    icon: ClassVar[str] = "git-branch"
    place: ClassVar[int] = 12

    def mjml(self) -> str:
        return f"""{{% if customer.first_name %}}
<mj-text font-family="{FONT}" font-size="16px" line-height="1.6" padding="0 32px 12px">Only shown when it is true.</mj-text>
{{% endif %}}"""  # noqa: E501  MJML, which no line break may enter
