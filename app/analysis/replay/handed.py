"""Texts of a Python program that a shell, a database or another program reads in the end, by whatever names they go."""

import ast
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

Flow = tuple[frozenset[str], ast.AST]
"""Names, and an expression that they get their value of."""


def guarded(nodes: Sequence[ast.AST], hands_on: Callable[[ast.AST], bool]) -> frozenset[int]:
    """Return the ids of the expressions whose value comes, by names, into what `hands_on` says hands on a program."""
    flows = list(_flows(nodes))
    sources: defaultdict[str, list[ast.AST]] = defaultdict(list)
    for names, value in flows:
        for name in names:
            sources[name].append(value)
    open_names = {name for node in nodes if hands_on(node) for name in _names(_given(node))}
    known: set[str] = set()
    found: set[int] = set()
    while open_names:
        name = open_names.pop()
        known.add(name)
        for value in sources.pop(name, ()):
            if id(value) not in found:
                found.add(id(value))
                open_names |= _names([value]) - known
    return frozenset(found)


def _given(node: ast.AST) -> list[ast.AST]:
    if isinstance(node, ast.Call):
        return [*node.args, *(one.value for one in node.keywords)]
    return [node]


def _names(nodes: Iterable[ast.AST]) -> set[str]:
    inner = [one for node in nodes for one in ast.walk(node)]
    return {one.id for one in inner if isinstance(one, ast.Name)} | {
        one.attr for one in inner if isinstance(one, ast.Attribute)
    }


def _flows(nodes: Sequence[ast.AST]) -> Iterator[Flow]:
    functions = {one.name: one for one in nodes if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)}
    for node in nodes:
        match node:
            case ast.Assign(targets=targets, value=value):
                yield frozenset(_names(targets)), value
            case ast.AugAssign(target=target, value=value) | ast.NamedExpr(target=target, value=value):
                yield frozenset(_names([target])), value
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                yield frozenset(_names([target])), value
            case ast.For(target=target, iter=value) | ast.comprehension(target=target, iter=value):
                yield frozenset(_names([target])), value
            case ast.withitem(context_expr=value, optional_vars=ast.expr() as target):
                yield frozenset(_names([target])), value
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in functions:
                parameters = frozenset(one.arg for one in ast.walk(functions[name].args) if isinstance(one, ast.arg))
                yield from ((parameters, value) for value in _given(node))
            case ast.Call(func=ast.Attribute(value=owner, attr="append" | "extend" | "insert" | "add")):
                yield from ((frozenset(_names([owner])), value) for value in node.args)
    for name, one in functions.items():
        defaults = [*one.args.defaults, *(value for value in one.args.kw_defaults if value)]
        parameters = frozenset(each.arg for each in ast.walk(one.args) if isinstance(each, ast.arg))
        yield from ((parameters, value) for value in defaults)
        returned = [each.value for each in ast.walk(one) if isinstance(each, ast.Return | ast.Yield) and each.value]
        yield from ((frozenset({name}), value) for value in returned)
