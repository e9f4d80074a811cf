"""Makes shop products out of stock lists: titles as people write them, a category, a picture's address."""

from __future__ import annotations

import re

CATEGORIES: dict[str, tuple[str, ...]] = {
    "Christmas": (
        "christmas",
        "advent",
        "santa",
        "reindeer",
        "snowflake",
        "snowman",
        "snow",
        "angel",
        "bauble",
        "xmas",
    ),
    "Easter": ("easter", "chick", "bunny", "rabbit", "egg"),
    "Candles and lights": ("candle", "candles", "t-light", "t-lights", "lantern", "lamp", "lights", "light", "incense"),
    "Bags": ("bag", "bags", "shopper", "purse", "rucksack", "wallet", "handbag"),
    "Jewellery": ("necklace", "bracelet", "earrings", "ring", "brooch", "charm", "bangle", "bead", "trinket", "hair"),
    "Kitchen": (
        *("mug", "cup", "bowl", "plate", "tea", "teapot", "teacup", "cake", "jar", "jam", "cutlery", "kitchen", "tray"),
        *("bottle", "lunch", "apron", "oven", "baking", "recipe", "coaster", "egg", "napkins", "spoon", "jug", "pan"),
        *("dish", "glass", "tin", "tins", "cases", "cakestand", "coffee", "pantry", "picnic", "cosy", "dinner"),
    ),
    "Paper and wrap": (
        *("card", "cards", "wrap", "paper", "ribbon", "ribbons", "notebook", "pencils", "pen", "stickers", "sticker"),
        *("tissues", "gift", "tape", "book", "envelope", "letter", "diary", "journal", "sketchbook", "pencil"),
    ),
    "Toys": ("toy", "doll", "dolly", "game", "jigsaw", "puzzle", "skittles", "teddy", "playhouse", "childrens", "girl"),
    "Garden": ("garden", "plant", "parasol", "watering", "bird", "herb", "flower", "flowers", "doormat", "umbrella"),
    "Home": (),
}
"""Words that put a product into a category; the first category with one of them wins, Home is the rest."""

_WORDS = {word: category for category, words in reversed(CATEGORIES.items()) for word in words}

_NAMES = frozenset(
    (
        *("christmas", "easter", "halloween", "valentine", "london", "paris", "union", "jack", "victorian"),
        *("edwardian", "regency", "english", "french", "scandinavian", "danish", "swiss", "russian", "indian"),
        *("moroccan", "chinese", "japanese", "parisienne"),
    )
)
_SHORT = {"diy": "DIY", "uk": "UK", "usa": "USA", "i": "I", "dvd": "DVD", "led": "LED", "t-light": "T-light"}
_SHORT |= {"t-lights": "T-lights", "tv": "TV", "nyc": "NYC", "bbq": "BBQ"}
_EXPANDED = (
    (re.compile(r"\bS/(\d+)", re.IGNORECASE), r"set of \1"),
    (re.compile(r"\bSET/(\d+)", re.IGNORECASE), r"set of \1"),
    (re.compile(r"\bSET (\d+)\b", re.IGNORECASE), r"set of \1"),
    (re.compile(r"\bW/", re.IGNORECASE), "with "),
    (re.compile(r"\s*([+&])\s*"), r" \1 "),
    (re.compile(r"\s+"), " "),
)


def title_of(description: str) -> str:
    """The description in sentence case: "SET/6 RED T-LIGHTS" → "Set of 6 red T-lights"."""
    for pattern, better in _EXPANDED:
        description = pattern.sub(better, description)
    words = [_word(w) for w in description.strip(" .").lower().split(" ")]
    title = " ".join(words)
    return title[:1].upper() + title[1:]


def _word(word: str) -> str:
    if word in _SHORT:
        return _SHORT[word]
    return word.capitalize() if word.rstrip("s") in _NAMES or word in _NAMES else word


def category_of(title: str) -> str:
    """A guess at the shelf it would stand on."""
    for word in re.findall(r"[a-z][a-z-]*", title.lower())[::-1]:
        # What a thing is stands at the end: a "bird lantern" is a lantern.
        if word in _WORDS:
            return _WORDS[word]
    return "Home"


def picture_url(public_url: str, stock_code: str) -> str:
    """Where the demo's own picture door draws it."""
    return f"{public_url}/demo/pictures/{stock_code.lower()}.svg"
