"""Jinja with nothing in it but data: how a compiled mail becomes a mail.

No attribute of any object can be reached, only items of dicts and lists; filters, tests and functions are those of
`filters.py`; statements those of `syntax.py`. What a template may cost is limited by the child it runs in.

It is also quick: items are looked up before anything else is tried, escaping makes no object per value, and the
compiled function is called without Jinja's template object around it. A mail costs about a third of Jinja's own
sandbox.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, cast

import markupsafe
from jinja2 import ChainableUndefined, StrictUndefined, Undefined
from jinja2.exceptions import SecurityError, TemplateSyntaxError
from jinja2.runtime import LoopContext, new_context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from automation.errors import TemplateBroken
from automation.rendering.filters import allowed_filters, allowed_tests, short_range
from automation.rendering.generator import Generator
from automation.rendering.mail import Compiled, Rendered
from automation.rendering.text import tidy

try:
    from markupsafe._speedups import _escape_inner
except ImportError:
    from markupsafe._native import _escape_inner

MAX_OUTPUT = 2_000_000
"""Characters in one part of a mail."""
_LOOP = frozenset({"index", "index0", "revindex", "revindex0", "first", "last", "length", "cycle"})
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")


def _escape(value: Any) -> str:
    return str(value) if type(value) is int else markupsafe.escape(value)


class _Unknown(StrictUndefined):
    """A name that is not there: may be asked for, but not printed."""

    __slots__ = ()

    def __bool__(self) -> bool:  # type: ignore[override]  # its own fails on everything
        return False


class Sandbox(ImmutableSandboxedEnvironment):
    """The environment of templates. Strict ones fail on unknown names: that is for previews."""

    code_generator_class = Generator
    intercepted_binops = frozenset({"+", "*", "/", "//", "%", "**"})

    def __init__(self, link_key: bytes = b"", *, is_html: bool, is_strict: bool = False) -> None:
        super().__init__(
            autoescape=is_html,
            undefined=_Unknown if is_strict else ChainableUndefined,
            keep_trailing_newline=True,
            optimized=False,
            cache_size=0,
        )
        self.filters = cast("Any", allowed_filters(link_key))
        self.tests = cast("Any", allowed_tests())
        self.globals = {"range": short_range}

    def getattr(self, obj: Any, attribute: str) -> Any:
        if type(obj) is dict:
            try:
                return obj[attribute]
            except KeyError:
                return self.undefined(f"There is no “{attribute}” in what the mail was given.", name=attribute)
        if isinstance(obj, Undefined):
            return self._of_undefined(obj)
        if obj is None:
            return self.undefined(obj=obj, name=attribute)
        if type(obj) is LoopContext and attribute in _LOOP:
            return getattr(obj, attribute)
        raise SecurityError(f"“.{attribute}” is only possible on what the mail was given, not on {type(obj).__name__}.")

    def getitem(self, obj: Any, argument: Any) -> Any:
        kind = type(obj)
        if kind in (dict, list, str, tuple, Markup):
            try:
                return obj[argument]
            except (LookupError, TypeError):
                # What a key looks like that is no text or number is nobody's business.
                name = str(argument) if isinstance(argument, str | int) else type(argument).__name__
                return self.undefined(obj=obj, name=name)
        if isinstance(obj, Undefined):
            return self._of_undefined(obj)
        if obj is None:
            return self.undefined(obj=obj, name=argument)
        raise SecurityError(f"[…] is only possible on what the mail was given, not on {kind.__name__}.")

    @staticmethod
    def _of_undefined(obj: Undefined) -> Undefined:
        """Nothing has nothing in it; in a preview that is an error."""
        return obj if isinstance(obj, ChainableUndefined) else obj._fail_with_undefined_error()  # noqa: SLF001  there is no other way to its message

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        is_text = isinstance(left, str) and isinstance(right, str)
        if operator == "**":
            raise SecurityError("** is not possible in a mail.")
        if not is_text or operator != "+":
            for side in (left, right):
                if not isinstance(side, int | float) or abs(side) > 10**15:
                    raise SecurityError(f"{operator} is only possible with numbers.")
        return super().call_binop(context, operator, left, right)

    def is_safe_callable(self, obj: Any) -> bool:
        is_cycle = getattr(obj, "__func__", None) is LoopContext.cycle
        return obj is short_range or is_cycle


class Program:
    """One part of a mail, compiled to a function."""

    def __init__(self, environment: Sandbox, source: str, part: str) -> None:
        self._environment = environment
        self._part = part
        try:
            code = environment.compile(source, name=part, filename=f"<{part}>")
        except TemplateSyntaxError as error:
            raise TemplateBroken(error.message, part=part, line=error.lineno) from error
        except (RecursionError, SyntaxError, MemoryError) as error:
            raise TemplateBroken("The template is nested too deeply.", part=part) from error
        space: dict[str, Any] = {"environment": environment, "__file__": f"<{part}>"}
        exec(code, space)  # noqa: S102  the code Jinja's compiler made of the template, not the template
        space["escape"] = _escape
        space["escape_text"] = _escape_inner
        self._root: Callable[[Any], Iterator[str]] = space["root"]
        self._lines: str = space.get("debug_info", "")

    def __call__(self, context: dict[str, Any]) -> str:
        """Render. `context` must hold the environment's globals too. Raises TemplateBroken."""
        environment = self._environment
        try:
            text = "".join(self._root(new_context(environment, None, {}, context, shared=True)))
        except MemoryError:
            raise
        except Exception as error:
            reason = getattr(error, "message", None) or str(error) or type(error).__name__
            raise TemplateBroken(reason[:500], part=self._part, line=self._line(error)) from error
        if len(text) > MAX_OUTPUT:
            raise TemplateBroken("The mail is longer than two million characters.", part=self._part)
        return text

    def _line(self, error: Exception) -> int | None:
        trace, found = error.__traceback__, None
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == f"<{self._part}>":
                found = trace.tb_lineno
            trace = trace.tb_next
        line = None
        for pair in filter(None, self._lines.split("&")):
            template, _, python = pair.partition("=")
            if found is not None and int(python) <= found:
                line = int(template)
        return line


class MailProgram:
    """A compiled mail, ready to be rendered for many."""

    def __init__(self, compiled: Compiled, link_key: bytes, *, is_strict: bool = False) -> None:
        rich = Sandbox(link_key, is_html=True, is_strict=is_strict)
        plain = Sandbox(link_key, is_html=False, is_strict=is_strict)
        self._subject = Program(plain, compiled.subject, "subject")
        self._html = Program(rich, compiled.html, "body")
        self._text = Program(plain, compiled.text, "text")

    def __call__(self, values: dict[str, Any]) -> Rendered:
        """Render all three parts. Raises TemplateBroken."""
        context = {**values, "range": short_range}
        subject = self._subject(context).strip()
        if _CONTROL.search(subject):
            raise TemplateBroken("The subject has a line break or another control character in it.", part="subject")
        html = self._html(context)
        return Rendered(subject, html, tidy(self._text(context)))
