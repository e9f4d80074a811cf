"""`make bench`: measures every hot path, prints a table and writes it as JSON.

python -m bench [--quick] [--only NAME …] [--json PATH]
"""

from __future__ import annotations

import argparse
import importlib
import platform
from pathlib import Path

import orjson

from bench.rig import Figure

BENCHES = (
    "throughput",
    "decide",
    "sweep",
    "advance",
    "kinds",
    "rules",
    "webhooks",
    "memory",
    "smtp",
    "containment",
    "recommendations",
    "journey",
    "fair",
    "singles",
    "imports",
    "storefront",
    "experiments",
    "figures",
    "values",
    "pages",
)


def main() -> None:
    """Run the benches that are asked for, all by default."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller sizes, a few minutes less")
    parser.add_argument("--only", nargs="*", choices=BENCHES, default=list(BENCHES))
    parser.add_argument("--json", type=Path, help="where to write the figures")
    given = parser.parse_args()
    figures: list[Figure] = []
    for name in given.only:
        for figure in importlib.import_module(f"bench.{name}").measure(given.quick):
            figures.append(figure)
            _print(figure)
    if given.json:
        report = {
            "python": platform.python_version(),
            "machine": platform.machine(),
            "figures": [f.as_json() for f in figures],
        }
        given.json.write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2) + b"\n")


def _print(figure: Figure) -> None:
    mark = {True: "met", False: "MISSED", None: ""}[figure.is_met]
    value = f"{figure.value:,.2f}".rstrip("0").rstrip(".")
    target = f"target {figure.target}: {mark}" if figure.target else ""
    print(
        f"{figure.bench:<11} {figure.lane:<11} {figure.name:<46} {value:>10} {figure.unit:<9} {target} {figure.note}",
        flush=True,
    )


if __name__ == "__main__":
    main()
