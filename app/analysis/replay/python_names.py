"""What a program calls the literals in it."""

import ast
from collections.abc import Iterable, Iterator
from functools import lru_cache

from app.analysis.replay.value import Value

_SHORTEST = 3


@lru_cache(maxsize=300)
def tree_of(code: str) -> ast.Module | None:
    """Return a program as a tree, which nobody changes; None for what is none. Whoever is done with all: `forget`."""
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


@lru_cache(maxsize=300)
def nodes_of(tree: ast.AST) -> tuple[ast.AST, ...]:
    """Return all that a tree consists of, itself first."""
    return tuple(ast.walk(tree))


def forget() -> None:
    """Let go of all trees: those of a long thread are large."""
    tree_of.cache_clear()
    nodes_of.cache_clear()


def hints(code: str, found: Iterable[Value]) -> dict[str, str]:
    """Return what the code calls the literals: a name they are given to, an argument, what they are compared with."""
    tree = tree_of(code)
    if tree is None:
        return {}
    literals = {one.literal: one for one in found if one.kind not in {"file", "url"}}
    names: dict[str, str] = {}
    for node in nodes_of(tree):
        for name, value in named(node):
            literal = _literal(value)
            if literal in literals and name:
                names.setdefault(literal, name)
    return names


def named(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Yield what a piece of code calls its values: (name, value)."""
    match node:
        case ast.Assign(targets=[target], value=value):
            yield _word(target), value
        case ast.keyword(arg=str(name), value=value):
            yield name, value
        case ast.Compare(left=left, comparators=[right]):
            yield from ((_word(left), right), (_word(right), left))
        case ast.Dict(keys=keys, values=given):
            yield from (
                (key.value, value)
                for key, value in zip(keys, given, strict=True)
                if isinstance(key, ast.Constant) and isinstance(key.value, str)
            )


def _word(node: ast.AST) -> str:
    match node:
        case ast.Name(id=name) if len(name) >= _SHORTEST:
            return name
        case ast.Attribute(attr=name):
            return name
        case ast.Subscript(slice=ast.Constant(value=str(name))):
            return name
    return ""


def _literal(node: ast.AST) -> str:
    if (
        isinstance(node, ast.Constant)
        and isinstance(node.value, str | int | float)
        and not isinstance(node.value, bool)
    ):
        return node.value if isinstance(node.value, str) else f"{node.value:.10g}"
    return ""
