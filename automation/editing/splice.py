"""Edits of a mail's source, each of them a replacement of some of its letters."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from automation.editing.tree import Document, Node, read
from automation.errors import NotAllowed

Place = Literal["before", "after", "inside"]
_JINJA = re.compile(r"(\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\})", re.DOTALL)
_STEP = "  "


class Edited(NamedTuple):
    """A source after an edit, and where the block that should be selected begins; None for none."""

    source: str
    selected: int | None


def _spliced(source: str, start: int, end: int, text: str) -> str:
    return source[:start] + text + source[end:]


def written(value: str, quote: str = '"') -> str:
    """A value as it stands in an attribute; Jinja in it stays as it is."""
    escaped = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"}
    special = re.compile(f"[&<>{quote}]")
    parts = _JINJA.split(value)
    return "".join(p if n % 2 else special.sub(lambda m: escaped[m[0]], p) for n, p in enumerate(parts))


def set_attribute(document: Document, node: Node, name: str, value: str) -> Edited:
    """Write an attribute of a block; an empty value takes it away."""
    source, found = document.source, node.attributes.get(name)
    if node.is_logic:
        raise NotAllowed("A condition has no attributes.")
    if not re.fullmatch(r"[a-z][a-z-]*", name):
        raise NotAllowed(f"“{name[:40]}” is no attribute.")
    if found is not None and document.value(node, name) == value:
        return Edited(source, node.start)
    if not value:
        if found is None:
            return Edited(source, node.start)
        start = len(source[: found.start].rstrip())
        return Edited(_spliced(source, start, found.end, ""), node.start)
    if found is not None:
        quote = source[found.value_start - 1]
        return Edited(_spliced(source, found.value_start, found.value_end, written(value, quote)), node.start)
    at = max([a.end for a in node.attributes.values()] or [node.start + 1 + len(node.name)])
    return Edited(_spliced(source, at, at, f' {name}="{written(value)}"'), node.start)


def set_content(document: Document, node: Node, content: str) -> Edited:
    """Replace what stands in a block that holds text."""
    source = document.source
    if node.is_logic or node.accepts:
        raise NotAllowed("Only blocks of text have text.")
    if document.inner(node) == content and source[node.open_end - 2] != "/":
        return Edited(source, node.start)
    if source[node.open_end - 2] == "/":
        head = source[node.start : node.open_end - 2].rstrip()
        return Edited(_spliced(source, node.start, node.end, f"{head}>{content}</{node.name}>"), node.start)
    return Edited(_spliced(source, node.open_end, node.close_start, content), node.start)


def set_condition(document: Document, node: Node, expression: str) -> Edited:
    """Write a condition anew: what stands behind its `if` or `for`."""
    if not node.is_logic:
        raise NotAllowed("Only conditions and loops have a condition.")
    expression = " ".join(expression.split())
    if not expression or "%}" in expression:
        raise NotAllowed("Write when it is shown, such as: customer.first_name")
    if expression == condition(document, node):
        return Edited(document.source, node.start)
    return Edited(_spliced(document.source, node.start, node.open_end, f"{{% {node.name} {expression} %}}"), node.start)


def condition(document: Document, node: Node) -> str:
    """What stands behind a condition's `if`, or a loop's `for`."""
    found = re.fullmatch(r"\{%[-+]?\s*\w+\s+(.*?)\s*[-+]?%\}", document.source[node.start : node.open_end], re.DOTALL)
    return " ".join(found[1].split()) if found else ""


def delete(document: Document, node: Node) -> Edited:
    """Take a block away, with the line it stood on when it stood there alone."""
    start, end = _lines_of(document.source, node.start, node.end)
    siblings = _siblings(node)
    place = siblings.index(node)
    source = _spliced(document.source, start, end, "")
    if place + 1 < len(siblings):
        return Edited(source, siblings[place + 1].start - (end - start))
    return Edited(source, siblings[place - 1].start if place else None)


def _lines_of(source: str, start: int, end: int) -> tuple[int, int]:
    before = start - len(source[:start]) + len(source[:start].rstrip(" \t"))
    behind = end + len(source[end:]) - len(source[end:].lstrip(" \t"))
    stands_alone = (before == 0 or source[before - 1] == "\n") and source[behind : behind + 1] == "\n"
    return (before, behind + 1) if stands_alone else (start, end)


def duplicate(document: Document, node: Node) -> Edited:
    """A copy of a block right behind it."""
    text = document.source[node.start : node.end]
    between = "\n" + _indent(document.source, node.start)
    source = _spliced(document.source, node.end, node.end, between + text)
    return Edited(source, node.end + len(between))


def move(document: Document, node: Node, step: Literal["up", "down"]) -> Edited:
    """Change places with the neighbour; at the edge nothing changes."""
    siblings = [s for s in _siblings(node) if s.branch == node.branch]
    place = siblings.index(node)
    other = place - 1 if step == "up" else place + 1
    source = document.source
    if not 0 <= other < len(siblings):
        return Edited(source, node.start)
    first, second = sorted((node, siblings[other]), key=lambda n: n.start)
    one, two = source[first.lead : first.end], source[second.lead : second.end]
    between = source[first.end : second.lead]
    swapped = source[: first.lead] + two + between + one + source[second.end :]
    at = first.lead if node is second else first.lead + len(two) + len(between)
    return Edited(swapped, at + node.start - node.lead)


def move_to(document: Document, node: Node, target: Node, place: Place) -> Edited:
    """Put a block somewhere else: where it was dropped."""
    if node is target or any(ancestor is node for ancestor in _ancestors(target)):
        return Edited(document.source, node.start)
    text = document.source[node.lead : node.end]
    start, end = _lines_of(document.source, node.lead, node.end)
    added, at = _inserted(document, text, target, place)
    # The block was written first and is taken away afterwards, at its old place in the new source.
    grown = len(added.source) - len(document.source)
    assert added.selected is not None, "what was put in is selected"
    chosen = _first_line_from(added, document.source[node.start : node.end])
    is_before = at <= start
    start, end = (start + grown, end + grown) if is_before else (start, end)
    selected = chosen if is_before else chosen - (end - start)
    return Edited(_spliced(added.source, start, end, ""), selected)


def insert(document: Document, snippet: str, target: Node | None, place: Place = "after") -> Edited:
    """Write new blocks before, behind or inside another, with a section and a column around them where they need them.

    Without a target they come last. Raises TemplateBroken for a snippet that is not well-formed.
    """
    return _inserted(document, snippet, target, place)[0]


def _inserted(document: Document, snippet: str, target: Node | None, place: Place) -> tuple[Edited, int]:
    """As `insert()`, and where in the source it was put."""
    snippet = given = snippet.strip("\r\n")
    level = _level(snippet)
    anchor, place = (target, place) if target is not None else (document.body, "inside")
    while True:
        container = anchor if place == "inside" else anchor.parent
        if container is None or container.accepts == level:
            break
        if place == "inside" and anchor is not document.body and anchor.accepts:
            place = "after"
        elif level != "section" and container.accepts == "section":
            snippet, level = _wrapped(snippet, level), "section"
        elif anchor is document.body:
            raise NotAllowed("It cannot stand there.")
        else:
            anchor, place = (container, "after") if place != "before" else (container, "before")
    made, at = _put(document, snippet, anchor, place)
    return Edited(made.source, _first_line_from(made, given.lstrip())), at


def _first_line_from(made: Edited, block: str) -> int:
    """Where a block begins that was put in at, or within what was put in at, the place that is selected."""
    return made.source.index(block.splitlines()[0].rstrip(), made.selected)


def _level(snippet: str) -> str:
    found = read(f"<mjml><mj-body>{snippet}</mj-body></mjml>").nodes
    if not found:
        raise NotAllowed("There is no block in it.")
    return found[0].level


def _wrapped(snippet: str, level: str) -> str:
    if level == "part":
        raise NotAllowed("It can only stand within its own kind of block.")
    inner = snippet if level == "column" else f"<mj-column>\n{_indented(snippet, _STEP)}\n</mj-column>"
    return f'<mj-section padding="20px 0">\n{_indented(inner, _STEP)}\n</mj-section>'


def _put(document: Document, snippet: str, anchor: Node, place: Place) -> tuple[Edited, int]:
    source, indent = document.source, _indent(document.source, anchor.start)
    lead = len(snippet) - len(snippet.lstrip())
    if place == "before":
        text = _indented(snippet, indent).removeprefix(indent)
        return Edited(_spliced(source, anchor.lead, anchor.lead, f"{text}\n{indent}"), anchor.lead + lead), anchor.lead
    if place == "after":
        text = f"\n{_indented(snippet, indent)}"
        made = Edited(_spliced(source, anchor.end, anchor.end, text), anchor.end + 1 + len(indent) + lead)
        return made, anchor.end
    deeper = indent + _STEP
    if source[anchor.open_end - 2 : anchor.open_end] == "/>":
        head = source[anchor.start : anchor.open_end - 2].rstrip() + ">"
        text = f"{head}\n{_indented(snippet, deeper)}\n{indent}</{anchor.name}>"
        made = Edited(_spliced(source, anchor.start, anchor.end, text), anchor.start + len(head) + 1 + len(deeper))
        return made, anchor.start
    at = anchor.children[-1].end if anchor.children else anchor.open_end
    closing = "" if "\n" in source[at : anchor.close_start] else f"\n{indent}"
    text = f"\n{_indented(snippet, deeper)}{closing}"
    return Edited(_spliced(source, at, at, text), at + 1 + len(deeper) + lead), at


def _indented(text: str, indent: str) -> str:
    return "\n".join(indent + line if line.strip() else line for line in text.split("\n"))


def _indent(source: str, at: int) -> str:
    line = source[source.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip())]


def _siblings(node: Node) -> list[Node]:
    assert node.parent is not None, "a block stands in something"
    return node.parent.children


def _ancestors(node: Node) -> list[Node]:
    found = []
    while node.parent is not None:
        node = node.parent
        found.append(node)
    return found
