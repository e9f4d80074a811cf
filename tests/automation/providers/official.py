"""The providers' own API descriptions, where a copy of them is at hand; without it the tests that ask are skipped."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

FACTS = next(
    (found for p in Path(__file__).resolve().parents if (found := p / "shared" / "facts").is_dir()), Path("absent")
)
"""A folder beside a checkout, or above it; no clone has or needs one."""


@cache
def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text())
    return found


def spec(kind: str) -> dict[str, Any]:
    """A provider's OpenAPI or Swagger file."""
    path = FACTS / "specs" / f"{kind}.yaml"
    if not path.exists():
        pytest.skip("no copy of the provider's API description here")
    return _read(path)


def validate(value: Any, described: dict[str, Any], pointer: str) -> None:
    """Hold `value` against one schema of an API description."""
    jsonschema.Draft202012Validator({**described, "$ref": f"#/{pointer}"}).validate(value)


def payloads(kind: str) -> list[Path]:
    """Every recorded webhook of a provider that is at hand."""
    return sorted((FACTS / "payloads" / "providers").glob(f"{kind}-*.json"))
