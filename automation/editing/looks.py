"""Which attributes of a block the editor offers, and what it calls them."""

from __future__ import annotations

from dataclasses import dataclass

NAMES = {
    "mj-text": "Text",
    "mj-image": "Image",
    "mj-button": "Button",
    "mj-table": "Table",
    "mj-divider": "Divider",
    "mj-spacer": "Spacer",
    "mj-section": "Section",
    "mj-wrapper": "Card",
    "mj-column": "Column",
    "mj-group": "Group",
    "mj-hero": "Hero",
    "mj-raw": "HTML",
    "mj-social": "Social links",
    "mj-social-element": "Social link",
    "if": "Conditional",
    "for": "Loop",
}
"""What blocks are called; others by their element's name."""


@dataclass(frozen=True, slots=True)
class Look:
    """An attribute as it is offered."""

    name: str
    label: str
    help: str = ""
    choices: tuple[str, ...] = ()


_ALIGN = Look("align", "Alignment", choices=("left", "center", "right"))
_COLOUR = Look("color", "Colour", "Such as #20504a.")
_GROUND = Look("background-color", "Background", "Such as #ffffff.")
_PADDING = Look("padding", "Room around it", "Top, right, bottom and left, such as 8px 32px.")
_FONT = Look("font-family", "Font")
_SIZE = Look("font-size", "Size", "Such as 16px.")
_LINE = Look("line-height", "Line height", "Such as 1.5.")
_LINK = Look("href", "Link", "Where it leads: https://… or a merge tag.")
_WIDTH = Look("width", "Width", "Such as 200px; no merge tags.")
_CORNERS = Look("border-radius", "Corners", "Such as 8px.")
_CLASS = Look("mj-class", "Style", "One of the styles that stand in the mail's head.")

LOOKS: dict[str, tuple[Look, ...]] = {
    "mj-text": (_ALIGN, _COLOUR, _SIZE, _LINE, _FONT, _PADDING, _CLASS),
    "mj-button": (
        _LINK,
        _ALIGN,
        _GROUND,
        _COLOUR,
        _SIZE,
        _FONT,
        _CORNERS,
        Look("inner-padding", "Room in it"),
        _PADDING,
    ),
    "mj-image": (
        Look("src", "Picture", "Its address: https://…"),
        Look("alt", "Alternative text", "What it says to those who cannot see it; empty for mere decoration."),
        _LINK,
        _WIDTH,
        _ALIGN,
        _CORNERS,
        _PADDING,
    ),
    "mj-table": (_COLOUR, _SIZE, _FONT, _PADDING),
    "mj-divider": (Look("border-color", "Colour"), Look("border-width", "Thickness"), _WIDTH, _PADDING),
    "mj-spacer": (Look("height", "Height", "Such as 24px."),),
    "mj-section": (_GROUND, _PADDING, _CORNERS),
    "mj-wrapper": (_GROUND, _PADDING, _CORNERS),
    "mj-column": (_WIDTH, _GROUND, _PADDING),
    "mj-group": (_WIDTH, _GROUND),
    "mj-hero": (Look("background-url", "Picture"), _GROUND, Look("height", "Height"), _PADDING),
    "mj-social": (_ALIGN, Look("icon-size", "Icons' size"), _PADDING),
    "mj-social-element": (Look("name", "Network"), _LINK, Look("alt", "Alternative text")),
}
"""By element; the others have none that are offered."""
