"""Draws a picture for each product of the demo: its category's motif in colours of its own."""

from __future__ import annotations

import colorsys
import hashlib
from html import escape

_MOTIFS: dict[str, str] = {
    "Christmas": '<path d="M240 96l84 118h-42l66 92H264v58h-48v-58H132l66-92h-42z" fill="{a}"/>'
    '<circle cx="240" cy="196" r="11" fill="{c}"/><circle cx="204" cy="262" r="11" fill="{c}"/>'
    '<circle cx="280" cy="274" r="11" fill="{c}"/><path d="M240 66l10 20 22 4-16 15 4 22-20-10-20 10 4-22-16-15 22-4z" '
    'fill="{c}"/>',
    "Easter": '<path d="M240 104c62 0 100 92 100 158a100 100 0 0 1-200 0c0-66 38-158 100-158z" fill="{a}"/>'
    '<path d="M150 216l30 24 30-24 30 24 30-24 30 24 30-24v40l-30 24-30-24-30 24-30-24-30 24-30-24z" fill="{c}"/>',
    "Candles and lights": '<path d="M240 78c26 34 34 52 34 68a34 34 0 0 1-68 0c0-16 8-34 34-68z" fill="{c}"/>'
    '<rect x="190" y="188" width="100" height="152" rx="12" fill="{a}"/>'
    '<path d="M240 180v20" stroke="{b}" stroke-width="8"/><rect x="160" y="340" width="160" height="24" rx="12" '
    'fill="{b}"/>',
    "Bags": '<path d="M188 190v-30a52 52 0 0 1 104 0v30" fill="none" stroke="{b}" stroke-width="16"/>'
    '<path d="M138 180h204l22 190H116z" fill="{a}"/><circle cx="192" cy="222" r="10" fill="{c}"/>'
    '<circle cx="288" cy="222" r="10" fill="{c}"/>',
    "Jewellery": '<circle cx="240" cy="278" r="92" fill="none" stroke="{a}" stroke-width="26"/>'
    '<path d="M196 96h88l36 46-80 84-80-84z" fill="{c}"/><path d="M160 142h160M218 142l22 84 22-84" stroke="{b}" '
    'stroke-width="6" fill="none"/>',
    "Kitchen": '<path d="M122 164h190v112a82 82 0 0 1-82 82h-26a82 82 0 0 1-82-82z" fill="{a}"/>'
    '<path d="M312 194h24a46 46 0 0 1 0 92h-24" fill="none" stroke="{a}" stroke-width="22"/>'
    '<path d="M172 136c-14-22 14-28 0-50M218 136c-14-22 14-28 0-50M264 136c-14-22 14-28 0-50" fill="none" '
    'stroke="{c}" stroke-width="10" stroke-linecap="round"/>',
    "Paper and wrap": '<rect x="120" y="186" width="240" height="178" rx="10" fill="{a}"/>'
    '<rect x="106" y="150" width="268" height="56" rx="10" fill="{b}"/>'
    '<rect x="222" y="150" width="36" height="214" fill="{c}"/><path d="M240 148c-70-78-118-8-60 2zM240 148c70-78 '
    '118-8 60 2z" fill="{c}"/>',
    "Toys": '<circle cx="176" cy="140" r="36" fill="{a}"/><circle cx="304" cy="140" r="36" fill="{a}"/>'
    '<circle cx="240" cy="226" r="112" fill="{a}"/><ellipse cx="240" cy="264" rx="48" ry="38" fill="{c}"/>'
    '<circle cx="198" cy="206" r="11" fill="{b}"/><circle cx="282" cy="206" r="11" fill="{b}"/>'
    '<ellipse cx="240" cy="250" rx="16" ry="11" fill="{b}"/>',
    "Garden": '<path d="M240 220v160" stroke="{b}" stroke-width="14"/>'
    '<path d="M240 330c-60 0-84-30-88-62 46-2 82 18 88 62zM240 356c54 0 78-28 82-58-44-2-76 18-82 58z" fill="{b}"/>'
    '<circle cx="240" cy="112" r="44" fill="{a}"/>'
    '<circle cx="186" cy="152" r="44" fill="{a}"/><circle cx="294" cy="152" r="44" fill="{a}"/>'
    '<circle cx="206" cy="214" r="44" fill="{a}"/><circle cx="274" cy="214" r="44" fill="{a}"/>'
    '<circle cx="240" cy="168" r="34" fill="{c}"/>',
    "Home": '<path d="M240 362l-98-96a66 66 0 0 1 98-88 66 66 0 0 1 98 88z" fill="{a}"/>'
    '<path d="M240 178v-70" stroke="{b}" stroke-width="8"/><circle cx="240" cy="100" r="14" fill="{b}"/>'
    '<circle cx="196" cy="226" r="16" fill="{c}"/>',
}


def draw(title: str, category: str, code: str) -> str:
    """An SVG of 480 by 480 for a product; the same product always looks the same."""
    digest = hashlib.sha256(code.encode()).digest()
    hue = digest[0] / 256
    colours = {
        "a": _colour(hue, 0.46, 0.42),
        "b": _colour(hue + 0.06, 0.28, 0.40),
        "c": _colour(hue + 0.42 + digest[1] / 1500, 0.66, 0.62),
    }
    light, deep = _colour(hue, 0.94, 0.45), _colour(hue + 0.05, 0.87, 0.42)
    turn = digest[2] % 13 - 6
    motif = _MOTIFS.get(category, _MOTIFS["Home"]).format(**colours)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="480" height="480" viewBox="0 0 480 480" role="img" '
        f'aria-label="{escape(title, quote=True)}"><rect width="480" height="480" fill="{light}"/>'
        f'<circle cx="{120 + digest[3]}" cy="{110 + digest[4]}" r="196" fill="{deep}"/>'
        f'<g transform="rotate({turn} 240 240)">{motif}</g></svg>'
    )


def _colour(hue: float, lightness: float, saturation: float) -> str:
    red, green, blue = colorsys.hls_to_rgb(hue % 1, lightness, saturation)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"
