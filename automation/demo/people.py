"""Invents the people behind the data's customer numbers, the same ones every time."""

from __future__ import annotations

import unicodedata
from calendar import isleap
from dataclasses import dataclass
from datetime import date
from random import Random

_FIRST: dict[str, str] = {
    "en": "Ada Alfie Amelia Archie Arthur Beatrice Bella Callum Charlotte Clara Daisy Dylan Edith Eleanor Elsie Ewan "
    "Finn Florence Freya George Grace Hamish Harriet Harry Hugo Imogen Iris Isla Ivy Jack Jasper Joan Kit Leo Lottie "
    "Mabel Maisie Martha Matilda Maya Nell Noah Olive Oscar Phoebe Poppy Ralph Rosie Rowan Ruby Sam Seth Sid Theo "
    "Tilda Toby Violet Wilf Willow Winnie",
    "de": "Anna Anton Birgit Clara Dieter Elias Emma Felix Frieda Greta Hannah Heike Ida Jonas Jürgen Karla Katrin "
    "Lena Leon Lukas Mara Matthias Mia Moritz Nele Paul Petra Sabine Stefan Ute",
    "fr": "Adèle Alice Antoine Baptiste Camille Chloé Claire Émile Élise Étienne Gabriel Hélène Hugo Inès Jeanne "
    "Jules Juliette Léa Louis Louise Lucie Manon Margot Mathieu Nathan Noémie Pauline Rémi Simone Zoé",
    "south": "Alba Álvaro Beatriz Carla Carmen Chiara Diogo Elena Elisa Enzo Francesca Gonçalo Inês Irene Javier "
    "Joana Lucía Luca Marco Margarida Marta Matteo Nuria Pablo Paolo Rafael Rita Sofia Tiago Valentina",
    "north": "Aino Anders Astrid Bjørn Ebba Eero Elin Emil Freja Gunnar Hanna Henrik Ingrid Johan Jonna Karin Lars "
    "Linnea Magnus Maja Mikkel Nils Oskar Pekka Saga Signe Sigrid Sven Tove Ulla",
    "far": "Aiko Amina Ayumi Dalia Daniel Eitan Elif Emre Hana Haruki Ilana Jun Kenji Layla Lin Mei Mina Nadia Noa "
    "Omar Priya Rania Ren Sakura Samir Tamar Tariq Yara Yuki Zain",
}
_LAST: dict[str, str] = {
    "en": "Abbott Archer Ashby Bailey Barlow Bell Birch Blythe Brook Carter Chapman Clarke Cole Cooper Dale Dawson "
    "Drake Ellis Fenn Fisher Fletcher Foster Frost Gale Gibbs Hale Harding Hart Hayes Holt Hughes Kerr Kirby Lane "
    "Lowe Marsh Mercer Mills Moss Nash Newton Oakley Page Parsons Pike Potter Quill Reed Rhodes Rowe Shaw Slater "
    "Stone Tate Thorne Vale Wade Webb Wren Yates",
    "de": "Albrecht Bauer Becker Brandt Busch Engel Ernst Fischer Fuchs Graf Haas Hahn Herzog Huber Kaiser Keller "
    "Koch Krüger Lang Lorenz Maurer Pohl Richter Roth Sauer Schäfer Seidel Vogel Winkler Ziegler",
    "fr": "Arnaud Blanc Bonnet Boyer Chevalier Clément Colin Delmas Dubois Dupont Fabre Faure Fontaine Gauthier "
    "Girard Lacroix Lambert Leroy Marchand Martel Mercier Moreau Noël Perrin Picard Renard Roche Rousseau Tessier",
    "south": "Almeida Bianchi Blanco Campos Castro Conti Costa Cruz Delgado Esteves Ferrari Flores Fonseca Galli "
    "Gil Greco Lopes Marini Molina Moretti Nunes Ortega Pinto Ramos Ricci Rivera Serra Torres Vega Vieira",
    "north": "Ahlberg Berg Bergström Dahl Ek Ekholm Falk Hagen Hansen Holm Jansson Kallio Karlsen Koskinen Laine "
    "Lind Lindqvist Lund Mäkelä Nordin Nyström Olsen Rask Salonen Sandberg Skov Strand Sund Vik Virtanen",
    "far": "Abe Azoulay Baruch Chen Cohen Demir Farah Fujita Haddad Hayashi Ibrahim Ito Kato Khalil Kimura Levi Lim "
    "Mansour Mori Nakamura Nasser Ono Peretz Rahman Sato Shalev Tan Ueda Yamada Zaman",
}
_COUNTRIES: dict[str, tuple[str, str, str, tuple[str, ...]]] = {
    # The data's word: ISO code, locale, names, zones.
    "United Kingdom": ("GB", "en-GB", "en", ("Europe/London",)),
    "Channel Islands": ("GB", "en-GB", "en", ("Europe/London",)),
    "EIRE": ("IE", "en-IE", "en", ("Europe/Dublin",)),
    "Germany": ("DE", "de-DE", "de", ("Europe/Berlin",)),
    "Austria": ("AT", "de-AT", "de", ("Europe/Vienna",)),
    "Switzerland": ("CH", "de-CH", "de", ("Europe/Zurich",)),
    "France": ("FR", "fr-FR", "fr", ("Europe/Paris",)),
    "Belgium": ("BE", "fr-BE", "fr", ("Europe/Brussels",)),
    "Netherlands": ("NL", "nl-NL", "de", ("Europe/Amsterdam",)),
    "Spain": ("ES", "es-ES", "south", ("Europe/Madrid", "Atlantic/Canary")),
    "Portugal": ("PT", "pt-PT", "south", ("Europe/Lisbon", "Atlantic/Azores")),
    "Italy": ("IT", "it-IT", "south", ("Europe/Rome",)),
    "Greece": ("GR", "el-GR", "south", ("Europe/Athens",)),
    "Cyprus": ("CY", "el-CY", "south", ("Asia/Nicosia",)),
    "Malta": ("MT", "en-MT", "south", ("Europe/Malta",)),
    "Finland": ("FI", "fi-FI", "north", ("Europe/Helsinki",)),
    "Sweden": ("SE", "sv-SE", "north", ("Europe/Stockholm",)),
    "Norway": ("NO", "nb-NO", "north", ("Europe/Oslo",)),
    "Denmark": ("DK", "da-DK", "north", ("Europe/Copenhagen",)),
    "Iceland": ("IS", "is-IS", "north", ("Atlantic/Reykjavik",)),
    "Poland": ("PL", "pl-PL", "north", ("Europe/Warsaw",)),
    "Lithuania": ("LT", "lt-LT", "north", ("Europe/Vilnius",)),
    "Czech Republic": ("CZ", "cs-CZ", "de", ("Europe/Prague",)),
    "Israel": ("IL", "he-IL", "far", ("Asia/Jerusalem",)),
    "Lebanon": ("LB", "ar-LB", "far", ("Asia/Beirut",)),
    "Bahrain": ("BH", "ar-BH", "far", ("Asia/Bahrain",)),
    "Saudi Arabia": ("SA", "ar-SA", "far", ("Asia/Riyadh",)),
    "United Arab Emirates": ("AE", "ar-AE", "far", ("Asia/Dubai",)),
    "Singapore": ("SG", "en-SG", "far", ("Asia/Singapore",)),
    "Japan": ("JP", "ja-JP", "far", ("Asia/Tokyo",)),
    "Australia": ("AU", "en-AU", "en", ("Australia/Sydney", "Australia/Perth", "Australia/Brisbane")),
    "New Zealand": ("NZ", "en-NZ", "en", ("Pacific/Auckland",)),
    "USA": ("US", "en-US", "en", ("America/New_York", "America/Los_Angeles", "America/Chicago", "Pacific/Honolulu")),
    "Canada": ("CA", "en-CA", "en", ("America/Vancouver", "America/Toronto", "America/Halifax")),
    "Brazil": ("BR", "pt-BR", "south", ("America/Sao_Paulo",)),
    "RSA": ("ZA", "en-ZA", "en", ("Africa/Johannesburg",)),
}
_FAR_AWAY = ("USA", "Canada", "Australia", "New Zealand", "Singapore", "Japan")
MOVED = 0.2
"""Share of the British who are moved abroad, so that somebody is awake at any hour."""

TAGS = ("wholesale", "click-and-collect", "gift-wrap", "trade-fair", "friend-of-the-shop")


@dataclass(frozen=True, slots=True, kw_only=True)
class Someone:
    """An invented person."""

    first_name: str
    last_name: str
    email: str
    country: str
    locale: str
    timezone: str
    birthday: tuple[int, int, int | None] | None
    """Month, day and, where they told it, the year."""
    consent: str | None
    """granted, withdrawn, or None for never asked."""
    tags: list[str]
    channel: str


def invent(number: str, country: str) -> Someone:
    """The person behind a customer number of the data."""
    dice = Random(f"someone {number}")
    home = country if country in _COUNTRIES else "United Kingdom"
    if home == "United Kingdom" and dice.random() < MOVED:
        home = dice.choice(_FAR_AWAY)
    code, locale, names, zones = _COUNTRIES[home]
    first, last = dice.choice(_FIRST[names].split()), dice.choice(_LAST[names].split())
    return Someone(
        first_name=first,
        last_name=last,
        email=f"{_ascii(first)}.{_ascii(last)}.{number}@example.com",
        country=code,
        locale=locale,
        timezone=dice.choice(zones),
        birthday=_birthday(dice),
        consent=dice.choices(("granted", None, "withdrawn"), (72, 20, 8))[0],
        tags=sorted(dice.sample(TAGS, dice.choices((0, 1, 2), (60, 30, 10))[0])),
        channel=dice.choices(("organic", "search", "social", "referral", "newsletter"), (35, 30, 15, 12, 8))[0],
    )


def _birthday(dice: Random) -> tuple[int, int, int | None] | None:
    year = dice.randint(1950, 2004) if dice.random() < 0.8 else None
    day = date.fromordinal(date(2000, 1, 1).toordinal() + dice.randrange(366))
    if dice.random() < 0.3:
        return None
    is_impossible = (day.month, day.day) == (2, 29) and year is not None and not isleap(year)
    return day.month, 28 if is_impossible else day.day, year


def _ascii(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.replace("ø", "o").replace("Ø", "O"))
    return "".join(c for c in plain.lower() if c.isascii() and c.isalpha())
