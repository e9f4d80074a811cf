"""Writes the matrix as a page: python -m tests.faults.table."""

from __future__ import annotations

from pathlib import Path

from automation.discovery import implementations
from automation.provider import Provider
from tests.faults.catalogue import HTTP, ONE_BY_ONE, SMTP, Fault, fate_of

PATH = Path(__file__).parents[2] / "automation" / "providers" / "FAULTS.md"
HEAD = """\
# What becomes of a mail when its provider fails

Written by `python -m tests.faults.table`; do not edit. `tests/faults` holds every line: each provider, under each
fault, with one mail and with a batch of three, on a server that really misbehaves. In none of them was a mail sent
twice. Once the other end was mended, what was for later arrived; what was unsure was found out with classes A and B,
and stays visible as unknown with class C.

| word | the mail | the connection |
| --- | --- | --- |
| accepted | is the provider's now | goes on |
| later | is tried again after a minute, then two, four …, or when the provider asked | rests 15 s, or as asked |
| later, alone | as above | goes on with other mails |
| unsure | is *unknown*: found out after five minutes, or by events alone (class C) | rests 15 s |
| settings | waits, unchanged | stops until a person has looked at it |
| refused | is never sent again; the others of a batch are tried without it | goes on |
| one refused | only the mail that was refused is never sent again | goes on |

"""


def written() -> str:
    """The page."""
    kinds = implementations("automation.providers", Provider)  # type: ignore[type-abstract]  # the contract itself is looked for
    over_http = {k: c for k, c in kinds.items() if k not in {"mailbox", "smtp"}}
    parts = [HEAD, _promises({**over_http, "smtp": kinds["smtp"]}), "## Over HTTP\n\n"]
    parts.append(f"| fault | {' | '.join(c.label for c in over_http.values())} |\n")
    parts.append(f"| --- |{' --- |' * len(over_http)}\n")
    parts += [
        f"| {name} | {' | '.join(_cell(kind, name, fault) for kind in over_http)} |\n" for name, fault in HTTP.items()
    ]
    parts.append("\n## SMTP\n\n| fault | SMTP |\n| --- | --- |\n")
    parts += [f"| {name} | {_cell('smtp', name, fault)} |\n" for name, fault in SMTP.items()]
    one_by_one = ", ".join(c.label for k, c in kinds.items() if k in ONE_BY_ONE)
    parts.append(
        f"\n{one_by_one} are told of each mail by itself: of a batch only the mails under way are unsure, those that "
        "had not left are for later.\n"
    )
    return "".join(parts)


def _promises(kinds: dict[str, type[Provider]]) -> str:
    how = {
        "A": "by sending the same batch under the same key",
        "B": "by asking for our message ids",
        "C": "by the provider's events alone",
    }
    lines = "".join(f"| {c.label} | {c.guarantee} | {how[c.guarantee]} |\n" for c in kinds.values())
    return f"| provider | class | unsure is resolved |\n| --- | --- | --- |\n{lines}\n"


def _cell(kind: str, name: str, fault: Fault) -> str:
    fate = fate_of(kind, name)
    if fate == "misconfigured":
        return "settings"
    if fate == "later" and fault.wait:
        return f"later, {fault.wait} s"
    return "later, alone" if fate == "later" and fault.is_one_mails else fate


if __name__ == "__main__":
    PATH.write_text(written())
