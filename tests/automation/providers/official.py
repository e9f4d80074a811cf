"""The providers' own API descriptions, where a copy of them is at hand; without it the tests that ask are skipped."""

from __future__ import annotations

import json
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


def spec(kind: str, ending: str = "yaml") -> dict[str, Any]:
    """A provider's OpenAPI or Swagger file."""
    path = FACTS / "specs" / f"{kind}.{ending}"
    if not path.exists():
        pytest.skip("no copy of the provider's API description here")
    return _read(path)


def text(name: str) -> str:
    """A description in another format, as it is."""
    path = FACTS / "specs" / name
    if not path.exists():
        pytest.skip("no copy of the provider's API description here")
    return path.read_text()


def vector(kind: str) -> dict[str, Any]:
    """A public example of a provider's signature: secret, body and what they must give."""
    path = FACTS / "payloads" / "providers" / "_signature-vectors.json"
    if not path.exists():
        pytest.skip("no signature vectors here")
    found: dict[str, Any] = next(v for v in json.loads(path.read_text()) if v["provider"] == kind)
    return found


def validate(value: Any, described: dict[str, Any], pointer: str) -> None:
    """Hold `value` against one schema of an API description."""
    jsonschema.Draft202012Validator({**described, "$ref": f"#/{pointer}"}).validate(value)


def payloads(kind: str) -> list[Path]:
    """Every recorded webhook of a provider that is at hand."""
    return sorted((FACTS / "payloads" / "providers").glob(f"{kind}-*.json"))
