"""Codes: drawn so that nobody guesses one and nobody misreads one; read from a file with what is wrong with each."""

from __future__ import annotations

import csv
import secrets
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from automation import bulk
from automation.errors import NotAllowed
from automation.models import Offer, OfferCode

ALPHABET = "BCDFGHJKMNPQRTVWXY346789"
"""No vowels (no words), and of look-alikes neither: 0 O, 1 I L, 2 Z, 5 S, U."""
LETTERS = 10
"""24^10 is about 6 · 10^13: with a thousand live codes one guess in sixty thousand million hits."""
LONGEST = 64
MOST = 100_000
"""Codes that one import or one order to generate may bring."""
_BATCH = 5_000


def draw(prefix: str = "") -> str:
    """A new code, unguessable."""
    return prefix + "".join(secrets.choice(ALPHABET) for _ in range(LETTERS))


def clean(text: str) -> str:
    """A code as it is stored. Raises ValueError, saying what is wrong, for what a shop would not take."""
    code = unicodedata.normalize("NFC", text.strip())
    if not code:
        raise ValueError("it is empty")
    if len(code) > LONGEST:
        raise ValueError(f"it is longer than {LONGEST} letters")
    if any(c.isspace() or not c.isprintable() for c in code):
        raise ValueError("it has a space or a control character in it")
    if any(c in code for c in "<>\"'&,;"):
        raise ValueError("it has a character in it that codes do not have")
    return code


def key_of(code: str) -> str:
    """The normal form: two codes with the same are one code to a shop."""
    return unicodedata.normalize("NFC", code.strip()).upper()[:LONGEST]


@dataclass(slots=True)
class Imported:
    """What an import took, and what it refused."""

    added: int = 0
    refused: list[tuple[int, str, str]] = field(default_factory=list)
    """(line in the file, the code, why)."""


def read(lines: Iterable[str], heading: str = "code") -> tuple[dict[str, tuple[int, str]], Imported]:
    """CSV lines → {normal form: (line, code)}, and what was refused. The first column counts; a heading is skipped."""
    report = Imported()
    found: dict[str, tuple[int, str]] = {}
    for number, row in enumerate(csv.reader(lines), start=1):
        text = row[0].lstrip("\ufeff") if row else ""
        if not text.strip() or (number == 1 and text.strip().lower() == heading):
            continue
        if len(found) >= MOST:
            report.refused.append((number, text[:LONGEST], f"one import takes at most {MOST:,} codes"))
            break
        try:
            code = clean(text)
        except ValueError as error:
            report.refused.append((number, text[:LONGEST], str(error)))
            continue
        if (key := key_of(code)) in found:
            report.refused.append((number, code, f"it stands in line {found[key][0]} already"))
        else:
            found[key] = (number, code)
    return found, report


def bring_in(session: Session, offer: Offer, lines: Iterable[str], now: datetime) -> Imported:
    """Add a file's codes to an offer's pool; one that the store has already is refused. Answers the report."""
    found, report = read(lines)
    kept = add(session, offer, {key: code for key, (_, code) in found.items()}, now)
    report.added = len(kept)
    report.refused += [(n, code, "the store has it already") for key, (n, code) in found.items() if key not in kept]
    report.refused.sort()
    return report


def generate(session: Session, offer: Offer, count: int, now: datetime, *, state: str = "free") -> list[str]:
    """Draw `count` new codes into an offer's pool; answers them. Raises NotAllowed for too many at once."""
    if not 1 <= count <= MOST:
        raise NotAllowed(f"Between 1 and {MOST:,} codes can be made at once.")
    made: list[str] = []
    while len(made) < count:
        drawn = {key_of(code): code for code in (draw(offer.prefix) for _ in range(count - len(made)))}
        kept = add(session, offer, drawn, now, state=state)
        made += [drawn[key] for key in kept]
    return made


def add(session: Session, offer: Offer, codes: dict[str, str], now: datetime, *, state: str = "free") -> set[str]:
    """Add {normal form: code} to a pool; answers the normal forms that the store did not have."""
    kept: set[str] = set()
    rows: Sequence[tuple[str, str]] = list(codes.items())
    for start in range(0, len(rows), _BATCH):
        written = bulk.insert(
            session,
            OfferCode,
            [
                {
                    "store_id": offer.store_id,
                    "offer_id": offer.id,
                    "code": code,
                    "code_key": key,
                    "is_shared": False,
                    "state": state,
                    "look_at": now if state == "making" else None,
                    "created_at": now,
                }
                for key, code in rows[start : start + _BATCH]
            ],
            skip=True,
            returning=(OfferCode.code_key,),
        )
        kept |= {row.code_key for row in written}
    return kept
