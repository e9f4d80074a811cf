"""The house rules that a machine can hold: names, sizes, and what every kind must come with."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from automation.discovery import implementations
from automation.platform import Platform
from automation.provider import Provider
from automation.source import Source
from automation.step import Step
from automation.trigger import Trigger

ROOT = Path(__file__).resolve().parents[2]
CODE = ("automation", "triggers", "webapp", "tests", "bench", "migrations")
BANNED = re.compile(r"(^|_)(utils?|helpers?|common|manager|service|handler|base|misc)(_|$)", re.IGNORECASE)
KINDS: dict[str, type[Any]] = {
    "triggers": Trigger,
    "automation.steps": Step,
    "automation.providers": Provider,
    "automation.platforms": Platform,
}
MUTE = {"mailbox", "api"}
"""Sources that receive no webhook of their own: nothing to record."""


def _files() -> list[Path]:
    found = [p for folder in CODE for p in (ROOT / folder).rglob("*.py")]
    return sorted(p for p in found if "versions" not in p.parts and "node_modules" not in p.parts)


def _kinds() -> Iterator[tuple[str, str, Any]]:
    for package, contract in KINDS.items():
        for kind, cls in implementations(package, contract).items():
            yield package, kind, cls


EVERY_KIND = [pytest.param(*found, id=f"{found[0]}.{found[1]}") for found in _kinds()]
EVERY_RECEIVER = [
    pytest.param(*found, id=f"{found[0]}.{found[1]}")
    for found in _kinds()
    if issubclass(found[2], Source) and found[1] not in MUTE
]


def test_no_file_is_longer_than_400_lines() -> None:
    long = {str(p.relative_to(ROOT)): n for p in _files() if (n := len(p.read_text().splitlines())) > 400}
    assert long == {}


def test_no_function_is_longer_than_50_lines() -> None:
    long = {}
    for path in _files():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.end_lineno and node.end_lineno - node.lineno >= 50:
                long[f"{path.relative_to(ROOT)}:{node.name}"] = node.end_lineno - node.lineno + 1
    assert long == {}


def test_nothing_has_a_name_that_says_nothing() -> None:
    bad = [str(p.relative_to(ROOT)) for p in _files() if BANNED.search(p.stem)]
    for path in _files():
        for node in ast.walk(ast.parse(path.read_text())):
            words = re.sub(r"(?<!^)(?=[A-Z])", "_", node.name) if isinstance(node, ast.ClassDef) else ""
            if BANNED.search(words):
                bad.append(f"{path.relative_to(ROOT)}: {words}")
    assert bad == []


@pytest.mark.parametrize(("package", "kind", "cls"), EVERY_KIND)
def test_every_kind_says_what_it_is(package: str, kind: str, cls: Any) -> None:
    assert inspect.getdoc(cls), f"{package}.{kind} has no help"
    assert cls.label
    for name, field in cls.Settings.model_fields.items():
        assert field.description, f"{package}.{kind}: the setting {name} has no help"


@pytest.mark.parametrize(("package", "kind", "cls"), EVERY_KIND)
def test_every_kind_has_a_test_where_one_looks_for_it(package: str, kind: str, cls: Any) -> None:
    path = ROOT / "tests" / package.replace(".", "/") / f"test_{kind}.py"
    assert path.exists(), f"{path.relative_to(ROOT)} is missing"
    assert "def test_" in path.read_text(), cls


@pytest.mark.parametrize(("package", "kind", "cls"), EVERY_RECEIVER)
def test_every_source_that_receives_has_recordings(package: str, kind: str, cls: Any) -> None:
    folder = ROOT / "tests" / "recordings" / package.removeprefix("automation.") / kind
    assert any(folder.glob("*.json")), f"{cls.__name__}: no recorded payload in {folder.relative_to(ROOT)}"
    assert list(folder.parent.rglob("SOURCES.md")), "recordings name their origin"


def test_every_step_and_trigger_setting_has_a_default() -> None:
    for package, kind, cls in _kinds():
        if issubclass(cls, Trigger | Step):
            assert cls.Settings(), f"{package}.{kind}: a new one starts from its defaults"


def test_the_web_writes_only_through_automation() -> None:
    writes = re.compile(r"\b(session|s)\.(add|add_all|merge|delete|execute\(\s*(insert|update|delete))\b")
    bad = [str(p.relative_to(ROOT)) for p in (ROOT / "webapp").rglob("*.py") if writes.search(p.read_text())]
    assert bad == []


def test_the_lock_file_names_no_registry() -> None:
    assert '"resolved"' not in (ROOT / "package-lock.json").read_text()


def test_templates_have_nothing_inline() -> None:
    inline = re.compile(
        r"<script(?![^>]*(src=|application/json))|<style|\sstyle=|\son[a-z]+=|hx-on|javascript:", re.IGNORECASE
    )
    bad = [
        f"{p.relative_to(ROOT)}: {found.group(0)}"
        for p in (ROOT / "webapp" / "templates").rglob("*.html")
        if (found := inline.search(re.sub(r"\{#.*?#\}", "", p.read_text(), flags=re.DOTALL)))
    ]
    assert bad == []
