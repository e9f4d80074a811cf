"""Image."""

from __future__ import annotations

from typing import ClassVar

from automation.block import Block


class ImageBlock(Block):
    """A picture, by its address."""

    label: ClassVar[str] = "Image"
    icon: ClassVar[str] = "photo"
    place: ClassVar[int] = 3

    def mjml(self) -> str:
        return """<mj-image src="{{ store.brand.logo_url|default(store.url, true) }}" alt="" padding="0 32px 16px" />"""
