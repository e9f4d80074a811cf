"""Finds implementations by their file's name: file name = kind = database value = URL = heading in the docs."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from functools import cache
from importlib.metadata import entry_points
from types import ModuleType
from typing import TypeVar

from automation.errors import SetupError

T = TypeVar("T")


def implementations(package: ModuleType | str, contract: type[T]) -> dict[str, type[T]]:
    """{file name: the one class in it that fulfils `contract`}, for every file of the package, sorted by name.

    Raises SetupError for a file with no such class or with several.
    """
    module = importlib.import_module(package) if isinstance(package, str) else package
    return dict(_found(module, contract))  # type: ignore[arg-type]  # a class hashes by identity, which mypy does not see of type[T]


@cache
def _found(package: ModuleType, contract: type[T]) -> dict[str, type[T]]:
    # Once per process: walking the folders is half of what building an App costs.
    found: dict[str, type[T]] = {}
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda i: i.name):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        classes = [
            c
            for _, c in inspect.getmembers(module, inspect.isclass)
            if issubclass(c, contract) and c.__module__ == module.__name__ and not inspect.isabstract(c)
        ]
        if len(classes) != 1:
            raise SetupError(f"{module.__name__} must hold exactly one {contract.__name__}, it holds {len(classes)}")
        classes[0].kind = info.name  # type: ignore[attr-defined]  # every contract declares `kind: ClassVar[str]`
        found[info.name] = classes[0]
    return found


@cache
def plugged_in(group: str) -> tuple[str, ...]:
    """Names of the packages that an entry-point group lists, ours first."""
    return tuple(sorted({point.value for point in entry_points(group=group)}))
