"""What may be written in a template: checked when it is saved, so that its author hears of it and nobody else."""

from __future__ import annotations

from jinja2 import nodes
from jinja2.exceptions import TemplateSyntaxError
from jinja2.meta import find_undeclared_variables

from automation.errors import TemplateBroken
from automation.rendering.links import PROVIDED
from automation.rendering.sandbox import Sandbox

MAX_NODES = 5_000
MAX_LOOPS = 2
_OURS = frozenset({*PROVIDED, "_click", "_pixel", "range"})

_STATEMENTS: tuple[type[nodes.Node], ...] = (
    nodes.Output,
    nodes.TemplateData,
    nodes.For,
    nodes.If,
    nodes.Assign,
    nodes.AssignBlock,
    nodes.With,
)
_EXPRESSIONS: tuple[type[nodes.Node], ...] = (
    nodes.Add,
    nodes.And,
    nodes.Call,
    nodes.Compare,
    nodes.Concat,
    nodes.CondExpr,
    nodes.Const,
    nodes.Dict,
    nodes.Div,
    nodes.Filter,
    nodes.FloorDiv,
    nodes.Getattr,
    nodes.Getitem,
    nodes.Keyword,
    nodes.List,
    nodes.Mod,
    nodes.Mul,
    nodes.Name,
    nodes.Neg,
    nodes.Not,
    nodes.Operand,
    nodes.Or,
    nodes.Pair,
    nodes.Pos,
    nodes.Slice,
    nodes.Sub,
    nodes.Test,
    nodes.Tuple,
)
_ALLOWED = frozenset(_STATEMENTS + _EXPRESSIONS)


def _word(node: nodes.Node) -> str:
    return {"FilterBlock": "filter", "CallBlock": "call", "FromImport": "from", "Pow": "**"}.get(
        type(node).__name__, type(node).__name__.lower()
    )


def _check_call(node: nodes.Call, part: str) -> None:
    target = node.node
    is_range = isinstance(target, nodes.Name) and target.name == "range"
    is_cycle = (
        isinstance(target, nodes.Getattr)
        and target.attr == "cycle"
        and isinstance(target.node, nodes.Name)
        and target.node.name == "loop"
    )
    if not (is_range or is_cycle):
        raise TemplateBroken("Only range(…) and loop.cycle(…) can be called.", part=part, line=node.lineno)


def check(source: str, part: str, *, is_compiled: bool = False) -> frozenset[str]:
    """The top-level names that a Jinja source uses; compiled sources may hold the filter blocks that we write.

    Raises TemplateBroken, with its line, for anything that is not Jinja or not allowed in a mail.
    """
    environment = Sandbox(is_html=False)
    try:
        tree = environment.parse(source)
    except TemplateSyntaxError as error:
        raise TemplateBroken(error.message, part=part, line=error.lineno) from error
    except RecursionError as error:
        raise TemplateBroken("The template is nested too deeply.", part=part) from error
    except ValueError as error:
        raise TemplateBroken(str(error)[:300], part=part) from error
    count = 0
    waiting: list[tuple[nodes.Node, int]] = [(child, 0) for child in tree.iter_child_nodes()]
    while waiting:
        node, loops = waiting.pop()
        count += not isinstance(node, nodes.TemplateData)
        loops += isinstance(node, nodes.For)
        if not (is_compiled and isinstance(node, nodes.FilterBlock)):
            _check_node(environment, node, loops, part)
        waiting += [(child, loops) for child in node.iter_child_nodes()]
    if count > MAX_NODES:
        raise TemplateBroken(f"The template has {count} Jinja parts; {MAX_NODES} are possible.", part=part)
    return frozenset(find_undeclared_variables(tree)) - _OURS


def _check_node(environment: Sandbox, node: nodes.Node, loops: int, part: str) -> None:
    if type(node) not in _ALLOWED:
        raise TemplateBroken(f"“{_word(node)}” is not possible in a mail.", part=part, line=node.lineno)
    if loops > MAX_LOOPS:
        raise TemplateBroken(f"Loops can be nested {MAX_LOOPS} deep.", part=part, line=node.lineno)
    if isinstance(node, nodes.For) and node.recursive:
        raise TemplateBroken("A loop cannot be recursive in a mail.", part=part, line=node.lineno)
    if isinstance(node, nodes.Filter) and node.name not in environment.filters:
        raise TemplateBroken(f"There is no filter “{node.name}”.", part=part, line=node.lineno)
    if isinstance(node, nodes.Test) and node.name not in environment.tests:
        raise TemplateBroken(f"There is no test “{node.name}”.", part=part, line=node.lineno)
    if isinstance(node, nodes.Call):
        _check_call(node, part)
