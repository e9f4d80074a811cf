"""Products."""

from __future__ import annotations

from typing import ClassVar

from automation.block import Block, grid


class ProductsBlock(Block):
    """The store's newest products, two beside each other."""

    label: ClassVar[str] = "Products"
    icon: ClassVar[str] = "shopping-bag"
    place: ClassVar[int] = 5

    def mjml(self) -> str:
        return grid("products", 4)
