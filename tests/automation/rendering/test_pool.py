import os
import resource
import signal
import threading
from contextlib import suppress
from typing import Any

import psutil
import pytest

from automation.clock import stopwatch
from automation.errors import TemplateBroken
from automation.rendering.mail import Compiled, MailSource, Rendered
from automation.rendering.pool import RenderPool
from tests.automation.rendering.conftest import KEY, LINKS, page, source


def contexts(*names: Any) -> list[dict[str, Any]]:
    return [{"name": name, **LINKS} for name in names]


def children() -> list[psutil.Process]:
    return [p for p in psutil.Process().children() if "automation.rendering.child" in p.cmdline()]


def spent() -> float:
    """Processor seconds of all children that have ended: unlike a stopwatch, the same on a busy machine."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def works(pool: RenderPool) -> bool:
    made = pool.compile(source("Hi {{ name }}"))
    found = pool.render("works", made, contexts("Ada"))[0]
    return isinstance(found, Rendered) and "Hi Ada" in found.html


def test_mails_come_back_in_order_with_every_letter(pool: RenderPool) -> None:
    made = pool.compile(source("Hi {{ name }}", subject="To {{ name }}"))
    names = ["Ada", "Żółw", "🎉", "<b>", "ada" * 1000]
    found = pool.render("order", made, contexts(*names))
    assert [f.subject for f in found if isinstance(f, Rendered)] == [f"To {name}" for name in names]
    assert [f.text for f in found if isinstance(f, Rendered)] == [f"Hi {name}\n" for name in names]


def test_a_batch_larger_than_the_pipe_comes_back_whole(pool: RenderPool) -> None:
    made = pool.compile(source("{{ name }}" + "x" * 30_000))
    found = pool.render("large", made, contexts(*range(200)))
    assert [f.html.count("x" * 30_000) for f in found if isinstance(f, Rendered)] == [1] * 200


def test_the_same_context_gives_the_same_bytes_in_another_child() -> None:
    made: Compiled | None = None
    seen = set()
    for _ in range(2):
        pool = RenderPool(1, KEY)
        made = pool.compile(source("{{ name }} <a href='https://a.example.com/{{ name }}'>x</a>"))
        found = pool.render("same", made, contexts("Żółw & co"))[0]
        assert isinstance(found, Rendered)
        seen.add((made, found))
        pool.close()
    assert len(seen) == 1


def test_a_broken_context_takes_no_other_with_it(pool: RenderPool) -> None:
    made = pool.compile(source("{{ 10 // name }}"))
    found = pool.render("divide", made, contexts(1, 0, 2, "text", 5))
    assert [isinstance(f, Rendered) for f in found] == [True, False, True, False, True]


BOMB = "{% for a in range(name) %}{% for b in range(name) %}"
BOMB += "{% set x = range(name)|list %}{{ x|join }}{% endfor %}{% endfor %}"


def test_a_context_that_kills_its_child_takes_no_other_with_it(pool: RenderPool) -> None:
    made = pool.compile(source(BOMB))
    before = spent()
    found = pool.render("killer", made, contexts(1, 2, 1000, 3, 4))
    assert [isinstance(f, Rendered) for f in found] == [True, True, False, True, True]
    assert "processor time" in str(found[2]) or "longer than 2 seconds" in str(found[2])
    assert spent() - before < 6
    assert works(pool)


def test_a_context_that_needs_too_much_memory_takes_no_other_with_it(pool: RenderPool) -> None:
    made = pool.compile(source("{{ [1]|batch(name, 'x')|list|length }}"))
    found = pool.render("memory", made, contexts(1, 2, 10**9, 3))
    assert [isinstance(f, Rendered) for f in found] == [True, True, False, True]
    assert "memory" in str(found[2])
    assert works(pool)


BOMBS = [
    "{% set a = 'aaaaaaaaaa' %}" + "{% set a = a ~ a ~ a ~ a %}" * 40 + "{{ a }}",
    "{% set a = [1, 1] %}" + "{% set a = [a, a]|sum(start=[])|list %}" * 60 + "{{ a }}",
    "{{ 'a'|replace('', 'a')|replace('a', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa') }}",
    "{% for a in range(1000) %}{% for b in range(1000) %}{{ a }}{{ b }}xxxxxxxxxx{% endfor %}{% endfor %}",
    "{{ range(99999999)|list }}",
    "{{ 'x'|truncate(999999999)|wordcount }}{{ [1]|batch(999999999, 'xxxxx')|list }}",
    "{{ [1]|slice(99999999)|list }}",
    "{{ 'aaaa'|urlencode|replace('a', name)|replace('a', name)|replace('a', name)|replace('a', name) }}",
    "(" * 5000,
    "{{ " + "(" * 2000 + "1" + ")" * 2000 + " }}",
    "{{ " + "not " * 3000 + "1 }}",
    "{{ " + "[" * 500 + "]" * 500 + " }}",
    "{% if a %}" * 300 + "{% endif %}" * 300,
    "{{ 9" + "9" * 5000 + " }}",
    "{{ 2 ** 999999999 }}",
    "{{ 'x' * 999999999 }}",
    "{{ '%999999999d' % 1 }}",
    "{{ lipsum(n=200000) }}",
    "<mj-raw>" * 3000,
]


@pytest.mark.parametrize("body", BOMBS, ids=range(len(BOMBS)))
def test_a_bomb_ends_soon_and_the_pool_goes_on(pool: RenderPool, body: str) -> None:
    assert works(pool)
    before, started = spent(), stopwatch()
    try:
        made = pool.compile(source(body))
        found = pool.render(body, made, contexts("a" * 300))[0]
    except TemplateBroken:
        pass
    else:
        assert isinstance(found, TemplateBroken) or len(found.html) < 2_000_000
    assert spent() - before < 6
    assert stopwatch() - started < 30
    assert works(pool)


def test_a_source_that_overflows_the_compilers_stack_costs_only_its_child(pool: RenderPool) -> None:
    deep = "<div>" * 30_000 + "</div>" * 30_000
    for mjml in (
        page(f"<mj-text>{deep}</mj-text>"),
        page(f"<mj-raw>{deep}</mj-raw>"),
        page("<mj-text>&a;</mj-text>" * 2000),
    ):
        before = spent()
        with suppress(TemplateBroken):
            pool.compile(MailSource(subject="x", mjml=mjml))
        assert spent() - before < 6
    assert works(pool)


def test_a_child_that_was_killed_from_outside_costs_nobody_a_mail() -> None:
    pool = RenderPool(1, KEY)
    try:
        before = {p.pid for p in children()}
        made = pool.compile(source("Hi {{ name }}"))
        (mine,) = [p for p in children() if p.pid not in before]
        for at in (0.0, 0.01):
            timer = threading.Timer(at, lambda: os.kill(mine.pid, signal.SIGKILL) if mine.is_running() else None)
            timer.start()
            found = pool.render("outside", made, contexts(*range(3000)))
            timer.join()
            assert all(isinstance(f, Rendered) for f in found)
    finally:
        pool.close()


def test_several_threads_share_the_children() -> None:
    pool = RenderPool(2, KEY)
    made = pool.compile(source("Hi {{ name }}"))
    results: dict[int, list[Any]] = {}

    def work(number: int) -> None:
        results[number] = pool.render("threads", made, contexts(*(f"{number}-{i}" for i in range(50))))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pool.close()
    for number, found in results.items():
        assert [f.text for f in found] == [f"Hi {number}-{i}\n" for i in range(50)]


def test_a_child_has_no_environment_and_no_open_door(pool: RenderPool) -> None:
    assert works(pool)
    child = children()[0]
    assert "PATH" not in child.environ()
    assert not [v for v in child.environ() if v.startswith("CARTWHEEL")]
    assert child.net_connections() == []
    assert child.open_files() == []
    assert child.rlimit(psutil.RLIMIT_AS)[0] < 2**40
    assert child.rlimit(psutil.RLIMIT_FSIZE) == (0, 0)


def test_closing_ends_every_child() -> None:
    before = {p.pid for p in children()}
    pool = RenderPool(2, KEY)
    assert works(pool)
    mine = [p for p in children() if p.pid not in before]
    assert mine
    pool.close()
    pool.close()
    assert not [p for p in mine if p.is_running()]
    with pytest.raises(TemplateBroken, match="stopped"):
        pool.compile(source("x"))


def test_closing_while_others_render_stops_them_and_blames_no_mail() -> None:
    pool = RenderPool(1, KEY)
    made = pool.compile(source("Hi {{ name }}"))
    outcome: list[Any] = []

    def work() -> None:
        try:
            while True:
                outcome.append(pool.render("closing", made, contexts(*range(500))))
        except TemplateBroken as broken:
            outcome.append(str(broken))

    thread = threading.Thread(target=work)
    thread.start()
    while not outcome:
        thread.join(0.01)
    pool.close()
    thread.join(10)
    assert outcome[-1] == "Rendering was stopped."
    assert all(isinstance(f, Rendered) for batch in outcome[:-1] for f in batch)


def test_nothing_starts_before_it_is_needed() -> None:
    before = len(children())
    pool = RenderPool(4, KEY)
    assert len(children()) == before
    pool.close()


def test_a_child_is_replaced_after_many_mails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("automation.rendering.process.RECYCLE", 10)
    before = {p.pid for p in children()}
    pool = RenderPool(1, KEY)
    made = pool.compile(source("Hi {{ name }}"))
    seen = set()
    for _ in range(3):
        pool.render("recycle", made, contexts(*range(10)))
        seen |= {p.pid for p in children()} - before
    pool.close()
    assert len(seen) == 3


def test_a_preview_tells_what_is_missing(pool: RenderPool) -> None:
    made = pool.compile(source("Hi {{ nme }}"))
    assert isinstance(pool.render("p", made, contexts("Ada"))[0], Rendered)
    assert "nme" in str(pool.render("p", made, contexts("Ada"), is_strict=True)[0])
