"""Reads a rule into a sentence."""

from __future__ import annotations

from collections.abc import Mapping

from automation.rules.fields import FIELDS
from automation.rules.language import OPERATORS, All, Any_, Compare, InSegment, Not, Rule


def sentence(rule: Rule, segments: Mapping[int, str] | None = None) -> str:
    """What the rule says, in words. `segments` holds the names of saved segments by id."""
    match rule:
        case All(all=[]):
            return "everybody"
        case Any_(any=[]):
            return "nobody"
        case All():
            return _joined(rule.all, "and", segments)
        case Any_():
            return _joined(rule.any, "or", segments)
        case Not():
            return f"not ({sentence(rule.not_, segments)})"
        case InSegment():
            return f"they are in the segment “{(segments or {}).get(rule.segment, f'no. {rule.segment}')}”"
        case Compare():
            return _compared(rule)


def _joined(rules: list[Rule], word: str, segments: Mapping[int, str] | None) -> str:
    texts = []
    for rule in rules:
        text = sentence(rule, segments)
        nested = isinstance(rule, All | Any_) and len(rule.all if isinstance(rule, All) else rule.any) > 1
        texts.append(f"({text})" if nested else text)
    return f" {word} ".join(texts)


def _compared(rule: Compare) -> str:
    field = FIELDS[rule.field]
    words = f"{field.words} {OPERATORS[field.type][rule.is_]}"
    if rule.value is None:
        return words
    if rule.is_.endswith("_days"):
        return f"{words} {rule.value:g} days"
    if isinstance(rule.value, list):
        return f"{words} {', '.join(rule.value)}"
    return f"{words} “{rule.value}”" if field.type in ("text", "tags") else f"{words} {rule.value}"
