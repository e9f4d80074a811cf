"""The blocks of a mail: what stands in its body, each with its place in the source.

A block is an MJML element, or a condition or loop around some of them. Jinja inside a text is part of the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import unescape

from automation.editing.richtext import plain
from automation.editing.scan import Attribute, Piece, pieces
from automation.errors import TemplateBroken

HOLDS: Mapping[str, str] = {
    "mj-body": "section",
    "mj-wrapper": "section",
    "mj-section": "column",
    "mj-group": "column",
    "mj-column": "content",
    "mj-hero": "content",
    "mj-social": "part",
    "mj-navbar": "part",
    "mj-carousel": "part",
    "mj-accordion": "part",
    "mj-accordion-element": "part",
}
"""What each element may hold; others hold no blocks."""
_LEVELS = {
    **dict.fromkeys(("mj-section", "mj-wrapper", "mj-hero"), "section"),
    **dict.fromkeys(("mj-column", "mj-group"), "column"),
    **dict.fromkeys(("mj-social-element", "mj-navbar-link", "mj-carousel-image", "mj-accordion-element"), "part"),
    **dict.fromkeys(("mj-accordion-title", "mj-accordion-text"), "part"),
}
_CLOSES = {"endif": "if", "endfor": "for"}
_SET = re.compile(r"\{%[-+]?\s*set\b[^%]*=(?:[^%]|%(?!\}))*%\}\s*$")


@dataclass(eq=False, slots=True)
class Node:
    """A block. `start` to `end` is all of it, `open_end` to `close_start` what is in it."""

    name: str
    """An element's name, or `if` or `for`."""
    start: int
    open_end: int
    close_start: int = 0
    end: int = 0
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    children: list[Node] = field(default_factory=list)
    parent: Node | None = None
    branch: int = 0
    """Which part of a condition it stands in: 0, or 1 and more behind each `else`."""
    lead: int = 0
    """Where it begins with the {% set … %} just before it, which moves with it."""
    number: int = 0
    """Its place in the order of the source; the editor's name for it until the next edit."""

    @property
    def is_logic(self) -> bool:
        """Whether it is a condition or a loop."""
        return self.name in ("if", "for")

    @property
    def level(self) -> str:
        """Where it may stand: section, column, content or part."""
        if self.is_logic:
            return self.children[0].level if self.children else self.accepts
        return _LEVELS.get(self.name, "content")

    @property
    def accepts(self) -> str:
        """The level of what may stand in it; nothing for most elements."""
        if self.is_logic:
            return self.parent.accepts if self.parent else ""
        return HOLDS.get(self.name, "")


@dataclass(frozen=True, slots=True)
class Document:
    """A source and its blocks."""

    source: str
    body: Node
    nodes: Sequence[Node]
    """Every block in order; `nodes[n].number == n`. The body itself is no block."""

    def at(self, start: int) -> Node | None:
        """The outermost block that begins at a place."""
        return next((n for n in self.nodes if n.start == start), None)

    def on_line(self, line: int) -> Node | None:
        """The innermost block that stands on a line of the source."""
        found = None
        for node in self.nodes:
            if self.line(node.start) <= line <= self.line(node.end):
                found = node
        return found

    def line(self, at: int) -> int:
        """The line of a place, from 1."""
        return self.source.count("\n", 0, at) + 1

    def inner(self, node: Node) -> str:
        """What stands in a block."""
        return self.source[node.open_end : node.close_start]

    def value(self, node: Node, name: str) -> str:
        """An attribute as a person reads it; nothing where there is none."""
        attribute = node.attributes.get(name)
        return unescape(self.source[attribute.value_start : attribute.value_end]) if attribute else ""

    def words(self, node: Node, length: int = 60) -> str:
        """The beginning of what a block says."""
        text = plain(self.inner(node))
        return text if len(text) <= length else text[: length - 1] + "…"


def read(source: str) -> Document:
    """The blocks of a source. Raises TemplateBroken, with its line, where tags do not match."""
    root = Node("", 0, 0, 0, len(source))
    open_nodes = [root]
    tags: dict[Node, list[Piece]] = {}
    for piece in pieces(source):
        inside = open_nodes[-1]
        if piece.kind == "jinja":
            tags.setdefault(inside, []).append(piece)
        elif piece.kind == "close":
            if inside.name != piece.name:
                raise _unmatched(source, piece, inside)
            inside.close_start, inside.end = piece.start, piece.end
            open_nodes.pop()
        else:
            node = Node(piece.name, piece.start, piece.end, piece.end, piece.end, {a.name: a for a in piece.attributes})
            node.parent = inside
            inside.children.append(node)
            if piece.kind == "open":
                open_nodes.append(node)
    if len(open_nodes) > 1:
        last = open_nodes[-1]
        line = source.count("\n", 0, last.start) + 1
        raise TemplateBroken(f"<{last.name}> is never closed.", part="body", line=line)
    body = next((n for n in _all(root) if n.name == "mj-body"), None)
    if body is None:
        raise TemplateBroken("There is no <mj-body> element.", part="body", line=1)
    _group(source, body, tags)
    nodes = list(_all(body))
    for number, node in enumerate(nodes):
        node.number = number
    return Document(source, body, nodes)


def _unmatched(source: str, piece: Piece, inside: Node) -> TemplateBroken:
    wanted = f"</{inside.name}>" if inside.name else "nothing more"
    line = source.count("\n", 0, piece.start) + 1
    return TemplateBroken(f"</{piece.name}> stands where {wanted} should.", part="body", line=line)


def _all(node: Node) -> Iterator[Node]:
    for child in node.children:
        yield child
        yield from _all(child)


def _group(source: str, node: Node, tags: Mapping[Node, list[Piece]]) -> None:
    """Put conditions and loops around the blocks they hold; tags that do not match among siblings stay text."""
    if node.name not in HOLDS:
        node.children = []
        return
    inner = [c for c in node.children if c.name.startswith("mj-")]
    for child in inner:
        _group(source, child, tags)
    paired = _pairs(tags.get(node, []))
    items: list[Node | Piece] = sorted([*inner, *(p for p in tags.get(node, []) if p in paired)], key=lambda i: i.start)
    node.children = []
    stack = [node]
    branches = [0]
    for item in items:
        if isinstance(item, Node):
            _place(source, item, stack[-1], branches[-1])
            continue
        if item.name in ("if", "for"):
            group = Node(item.name, item.start, item.end)
            _place(source, group, stack[-1], branches[-1])
            stack.append(group)
            branches.append(0)
        elif item.name in _CLOSES:
            group = stack.pop()
            branches.pop()
            group.close_start, group.end = item.start, item.end
        else:
            branches[-1] += 1


def _place(source: str, node: Node, parent: Node, branch: int) -> None:
    node.parent, node.branch = parent, branch
    bound = parent.children[-1].end if parent.children else parent.open_end
    node.lead = node.start
    while (found := _SET.search(source, bound, node.lead)) is not None:
        node.lead = found.start()
    parent.children.append(node)


def _pairs(tags: Sequence[Piece]) -> set[Piece]:
    """The statements of these that open, divide and close one another."""
    found: set[Piece] = set()
    waiting: list[list[Piece]] = []
    for tag in tags:
        if tag.name in ("if", "for"):
            waiting.append([tag])
        elif tag.name in ("else", "elif") and waiting:
            waiting[-1].append(tag)
        elif tag.name in _CLOSES and waiting and waiting[-1][0].name == _CLOSES[tag.name]:
            found |= {*waiting.pop(), tag}
    return found
