"""The Python that templates become: Jinja's, with the two things mails do most written out in place.

Items of dicts are looked up where they are used, and strings are escaped without a call in between; everything else
goes the usual way. The result is the same, in two thirds of the time.
"""

from __future__ import annotations

from typing import Any

from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame


class Generator(CodeGenerator):
    """Writes `product.url` as a look-up and output as an escape of what is known to be a string."""

    def visit_Getattr(self, node: nodes.Getattr, frame: Frame) -> None:  # noqa: N802  Jinja's name
        if not isinstance(node.node, nodes.Name):
            super().visit_Getattr(node, frame)
            return
        name, item = frame.symbols.ref(node.node.name), repr(node.attr)
        self.write(f"({name}[{item}] if type({name}) is dict and {item} in {name} else ")
        super().visit_Getattr(node, frame)
        self.write(")")

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        if frame.eval_ctx.volatile or finalize.src is not None or not frame.eval_ctx.autoescape:
            super()._output_child_pre(node, frame, finalize)
        else:
            self.write("(escape_text(shown) if type(shown := (")

    def _output_child_post(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        if frame.eval_ctx.volatile or finalize.src is not None or not frame.eval_ctx.autoescape:
            super()._output_child_post(node, frame, finalize)
        else:
            self.write(")) is str else escape(shown))")
