"""Mails that are written to harm: bombs, and ways out of the sandbox, in a render child with secrets around it.

All slow bombs: CARTWHEEL_EVERY_BOMB=1; a few of them otherwise.
"""

from __future__ import annotations

import itertools
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from automation.actions import templates
from automation.app import App
from automation.clock import stopwatch
from automation.errors import TemplateBroken
from automation.rendering.includes import MAX_SOURCE, resolve
from automation.rendering.mail import Compiled, MailSource, Rendered
from automation.rendering.pool import RenderPool
from tests.automation.rendering.bombs import QUICK, SLOW, VALUES
from tests.automation.rendering.conftest import KEY, page, source
from tests.automation.rendering.test_pool import spent

CANARY = "canary-5c1f0e"
SOME = ("loops in loops", "many slices")
BOMBS = {**QUICK, **{n: s for n, s in SLOW.items() if n in SOME or os.environ.get("CARTWHEEL_EVERY_BOMB")}}
MOST_CPU = 2.0 + 1.0
"""Processor seconds that a bomb may take, and those of starting a child."""
MOST_MEMORY = 256 * 2**20


def _peak(child: psutil.Process) -> int:
    lines = Path(f"/proc/{child.pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0)


def _outcome(pool: RenderPool, name: str, mail: MailSource) -> Rendered | TemplateBroken:
    try:
        return pool.render(name, pool.compile(mail), [VALUES])[0]
    except TemplateBroken as broken:
        return broken


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_ends_soon_with_a_sentence_and_the_next_mail_is_rendered(pool: RenderPool, name: str) -> None:
    before = spent()
    found = _outcome(pool, name, BOMBS[name])
    assert spent() - before < MOST_CPU
    if isinstance(found, TemplateBroken):
        assert len(str(found)) > 10
        assert "Error" not in str(found)
    else:
        assert len(found.html) < 2_000_000
    assert isinstance(_outcome(pool, "well", source("Hi {{ name }}")), Rendered)
    child = next(p for p in psutil.Process().children() if "automation.rendering.child" in p.cmdline())
    assert _peak(child) < MOST_MEMORY


def test_includes_are_resolved_in_time_that_grows_with_their_length() -> None:
    """It is done in the web process too, where nobody limits it."""
    started = stopwatch()
    for unit in ("<!--", "<mj-include ", "<mj-include path='", "<mj-include>", "<mj-include path='a'/>"):
        mail = unit * (MAX_SOURCE // len(unit))
        for text in (mail, mail[: MAX_SOURCE - 200]):
            with pytest.raises(TemplateBroken) if unit.endswith("/>") else _nothing():
                resolve(text, {"a": "x" * 100})
    assert stopwatch() - started < 10


def _nothing() -> Any:
    return pytest.MonkeyPatch.context()


PATHS = [
    "/etc/passwd",
    "../../../../etc/passwd",
    "file:///etc/passwd",
    "secret.key",
    "data/secret.key",
    "..\\..\\secret.key",
    "//127.0.0.1/share/x.mjml",
    "http://127.0.0.1:1/x.mjml",
    "layout.mjml/../../../etc/passwd",
    "%2e%2e/secret.key",
    "/proc/self/environ",
    "./layout.mjml",
]


@pytest.mark.parametrize("path", PATHS)
def test_an_include_reads_no_file(pool: RenderPool, path: str, tmp_path: Path) -> None:
    (tmp_path / "secret.key").write_text(CANARY)
    for written in (path, str(tmp_path / "secret.key")):
        for more in ("", ' type="html"', ' type="css" css-inline="inline"'):
            with pytest.raises(TemplateBroken) as broken:
                pool.compile(
                    MailSource(subject="x", mjml=page(f'<mj-include path="{written}"{more}/>'), includes={"a": "x"})
                )
            assert CANARY not in str(broken.value)


def test_a_parts_name_does_not_hide_from_the_check_behind_a_comment(pool: RenderPool) -> None:
    for mjml in (
        "<!-- --><mj-include path='/etc/passwd'></mj-include>",
        "<mj-include path='/etc/passwd'>x</mj-include>",
        "<MJ-INCLUDE path='/etc/passwd'/>",
        "<mj-include\npath = '/etc/passwd' />",
        "<mj-raw><mj-include path='/etc/passwd'/></mj-raw>",
        "{{ '<mj-include path=\"/etc/passwd\"/>' }}",
    ):
        found = _outcome(pool, mjml, MailSource(subject="x", mjml=page(mjml)))
        assert "root:" not in (str(found) if isinstance(found, TemplateBroken) else found.html)


_THINGS = ("name", "d", "l", "1", "1.5", "none", "true", "''", "[]", "{}", "missing", "range", "loop", "self", "caller")
_WAYS = (
    ".__class__",
    "['__class__']",
    ".__class__.__mro__[1].__subclasses__()",
    ".__init__.__globals__",
    ".__globals__['os'].environ",
    "|attr('__class__')",
    "|map(attribute='__class__')|list",
    "|map('attr','__class__')|list",
    "|map('__class__')|list",
    "|selectattr('__class__')|list",
    "|groupby('__class__')",
    "|sort(attribute='__class__')|list",
    "|sum(attribute='__class__')",
    "|max(attribute='__class__')",
    "|unique(attribute='__class__')|list",
    "|format(name)",
    ".format(name)",
    ".format_map(d)",
    "|xmlattr",
    "|tojson",
    "|pprint",
    "|safe",
    ".mro()",
    ".__reduce_ex__(2)",
    ".gi_frame.f_globals",
    ".__str__()",
    ".func_globals",
    "|string|attr('format')",
    "['__init__']['__globals__']",
    ".__class__.__base__.__subclasses__()[40]('/etc/passwd').read()",
    "|batch(1)|map(attribute='__class__')|list",
    "|tracked('x', 1)|attr('__html__')",
    "|money.__globals__",
    "|dictsort(attribute='__class__')",
    "|default.__globals__",
)
_WHOLE = (
    "{% import 'os' as os %}{{ os.environ }}",
    "{% from 'os' import environ %}{{ environ }}",
    "{% include '/etc/passwd' %}",
    "{% extends '/etc/passwd' %}",
    "{% macro m() %}{{ caller.__globals__ }}{% endmacro %}{{ m() }}",
    "{% call x() %}{% endcall %}",
    "{% filter upper %}x{% endfilter %}",
    "{% autoescape false %}{{ name }}{% endautoescape %}",
    "{% set ns = namespace(a=1) %}{{ ns.__class__ }}",
    "{% do name.append(1) %}",
    "{% debug %}",
    "{% trans %}{{ name }}{% endtrans %}",
    "{% block a %}{{ self.a.__globals__ }}{% endblock %}",
    "{% for x in l recursive %}{{ loop(l).__class__ }}{% endfor %}",
    "{% for x in l %}{{ loop.cycle.__func__.__globals__ }}{% endfor %}",
    "{% for x in l %}{{ loop._undefined }}{{ loop._iterator }}{% endfor %}",
    "{% set x = joiner() %}{{ x.__init__.__globals__ }}",
    "{% set d['x'] = 1 %}",
    "{% set name.x = 1 %}{{ name }}",
    "{% with a=cycler %}{{ a.__init__.__globals__.os.environ }}{% endwith %}",
    "{{ get_flashed_messages.__globals__ }}{{ url_for.__globals__ }}",
    "{{ settings }}{{ config }}{{ app }}{{ request }}{{ g }}{{ session }}",
    "{{ environ }}{{ os }}{{ sys }}{{ __builtins__ }}{{ __import__('os').environ }}",
    "{{ environment }}{{ context }}{{ eval_ctx }}{{ resolve }}{{ undefined }}{{ escape }}{{ concat }}",
    "{{ _click }}{{ _pixel }}{{ _key }}{{ key }}{{ link_key }}",
    "{{ %mautic.db_password% }}",
    "%CARTWHEEL_SECRET_KEY% ${CARTWHEEL_SECRET_KEY} $CARTWHEEL_SECRET_KEY {CARTWHEEL_SECRET_KEY}",
    "{{ '{0.__class__.__init__.__globals__}'.format(name) }}",
    "{{ ('{0.__class__}' ~ '').format(name) }}",
    "{{ name|replace('a', name.__class__) }}",
    "{{ l|map('replace', 'a', 'b').__class__ }}",
    "{{ range.__self__.__builtins__ }}{{ range.__globals__ }}{{ range.__code__ }}",
    "{{ l[range] }}{{ d[l] }}{{ d[d] }}{{ l['__len__'] }}",
    "{{ -name }}{{ +d }}{{ not l.__class__ }}",
    "{{ (name, name.__class__)[1] }}",
    "{{ 'x' if name.__class__ else name.__class__ }}",
    "{{ {'a': name.__class__}.a }}",
    "{{ [name.__class__]|first }}",
)
_STRIDE = 1 if os.environ.get("CARTWHEEL_EVERY_BOMB") else 20
CORPUS = [
    *(f"{{{{ {thing}{way} }}}}" for thing, way in itertools.product(_THINGS, _WAYS)),
    *_WHOLE,
]
LEAKS = (CANARY, "root:x:", "<class", "built-in", "bound method", "function ", " object at 0x", "environ(", "jinja2.")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RenderPool]:
    """A render child of a parent whose environment, folder and key all hold a canary."""
    folder = tmp_path_factory.mktemp("canary")
    (folder / "secret.key").write_text(CANARY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CARTWHEEL_SECRET_KEY", CANARY)
        patch.setenv("CARTWHEEL_DATABASE_URL", f"postgresql://u:{CANARY}@h/d")
        patch.chdir(folder)
        pool = RenderPool(1, CANARY.encode())
        yield pool
        pool.close()


def test_no_way_out_of_the_sandbox_shows_a_secret(guarded: RenderPool, caplog: pytest.LogCaptureFixture) -> None:
    """Over 500 payloads, through the compiler and, where it lets them pass, through the renderer."""
    caplog.set_level(logging.DEBUG)
    values = {**VALUES, "name": "Ada", "d": {"a": {"b": "c"}}, "l": ["x", "y"]}
    assert len(CORPUS) > 500
    for number, payload in enumerate(CORPUS):
        # As if nobody had checked its syntax; and some the whole way, for each costs ten times as much.
        said = _shown(guarded, _unchecked(payload), payload, values, is_strict=number % 2 == 0)
        if payload in _WHOLE or number % _STRIDE == 0:
            try:
                said += _shown(
                    guarded, guarded.compile(source(payload)), f"{payload} compiled", values, is_strict=False
                )
            except TemplateBroken as broken:
                said += str(broken)
        assert not [leak for leak in LEAKS if leak in said.replace(payload, "")], payload
    assert CANARY not in caplog.text


def _unchecked(payload: str) -> Compiled:
    return Compiled(subject=payload, mjml="", html=payload, text=payload, preheader="", links=(), names=())


def _shown(pool: RenderPool, compiled: Compiled, key: str, values: dict[str, Any], *, is_strict: bool) -> str:
    """All that comes back, rendered as for a customer or as for a preview."""
    found = pool.render(key, compiled, [values], is_strict=is_strict)[0]
    return str(found) if isinstance(found, TemplateBroken) else found.subject + found.html + found.text


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_preview_is_rendered_by_a_child_and_leaves_the_web_process_alone(app: App) -> None:
    before = psutil.Process().memory_info().rss
    with pytest.raises(TemplateBroken, match="too much memory"):
        templates.preview(app, QUICK["a long batch"], VALUES)
    assert psutil.Process().memory_info().rss - before < 100 * 2**20
    assert templates.preview(app, source("Hi {{ name }}"), VALUES).subject == "Hello"


def test_a_page_does_not_wait_long_behind_other_mails() -> None:
    pool = RenderPool(0, KEY)
    pool.patience = 0.01
    with pytest.raises(TemplateBroken, match="try again"):
        pool.compile(source("x"))
