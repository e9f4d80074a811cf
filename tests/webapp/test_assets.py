"""What is built is served with its hash in the name, compressed, for ever; nothing else is."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from flask import Flask

from automation.errors import SetupError
from tests.webapp.visitors import SITE
from webapp import assets


def test_nothing_is_built_twice_from_the_same_sources() -> None:
    said: list[str] = []
    assert assets.build(say=said.append) is False
    assert said == []


def test_a_changed_source_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "SOURCES", tmp_path)
    (tmp_path / "app.js").write_text("other")
    assert not assets.is_built()
    with pytest.raises(SetupError, match="not built"):
        assets.require_built()


def test_a_built_file_is_compressed_and_kept_for_ever(site: Flask) -> None:
    name = json.loads((assets.DIST / "manifest.json").read_text())["assets"]["app.css"]
    client = site.test_client()
    plain = client.get(f"/static/{name}", base_url=SITE, buffered=True)
    packed = client.get(f"/static/{name}", base_url=SITE, headers={"Accept-Encoding": "gzip"}, buffered=True)
    brotli = client.get(f"/static/{name}", base_url=SITE, headers={"Accept-Encoding": "br"}, buffered=True)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert len(packed.data) * 5 < len(plain.data)
    assert plain.mimetype == packed.mimetype == "text/css"
    assert "immutable" in packed.headers["Cache-Control"]
    assert brotli.content_encoding == "br"


@pytest.mark.parametrize(
    "path", ["../assets.py", "%2e%2e/assets.py", "/etc/passwd", "nothing.js", "../../pyproject.toml"]
)
def test_nothing_else_is_served(site: Flask, path: str) -> None:
    assert site.test_client().get(f"/static/{path}", base_url=SITE).status_code in {404, 308}


def test_the_lock_file_names_no_registry() -> None:
    lock = json.loads((assets.ROOT / "package-lock.json").read_text())
    packages = [p for name, p in lock["packages"].items() if name]
    assert packages
    assert all("resolved" not in package for package in packages)
    assert all("integrity" in package for package in packages if not package.get("link"))
