"""Statements that only look at data, and those that tell a result."""

import ast
import re
from collections.abc import Collection

from app.analysis.clauses import listed
from app.analysis.replay.python_names import nodes_of, tree_of

_GLANCES = listed(
    "head tail info describe sample keys columns shape dtypes dtype unique nunique value_counts isna isnull notna any "
    "memory_usage len type dir help listdir getcwd exists glob isfile stat tolist sheet_names index values read "
    "__version__ rglob iterdir sorted list getsize"
)
_LOADS = re.compile(r"read|load|open$|^get$|urlopen|splitlines$|json$")
_SELECTS = (ast.Compare, ast.Lambda)


def is_glance(statement: ast.stmt, loaded: Collection[str] = ()) -> bool:
    """Whether a statement only looks at data: `df.head()`, `print(df.columns)`.

    How many there are of something is a result where it has a label, and what is counted is not just what was `loaded`.
    """
    if not isinstance(statement, ast.Expr):
        return False
    value = statement.value
    if isinstance(value, ast.Constant):
        return True
    if isinstance(value, ast.Call) and called(value) in {"print", "display", "pprint"}:
        return (
            bool(value.args)
            and all(_is_look(one) for one in value.args)
            and any(not isinstance(one, ast.Constant) for one in value.args)
            and not _is_labelled_count(value, loaded)
        )
    return not isinstance(value, ast.Name) and _is_look(value)


def loaded(tree: ast.Module) -> set[str]:
    """Return the names of data that a program has as they were read: nothing was selected from them."""
    return {
        node.targets[0].id
        for node in nodes_of(tree)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and _only_loads(node.value)
    }


def _only_loads(value: ast.expr) -> bool:
    inner = list(ast.walk(value))
    selects = any(isinstance(one, _SELECTS) or (isinstance(one, ast.comprehension) and one.ifs) for one in inner)
    return not selects and any(isinstance(one, ast.Call) and _LOADS.search(called(one)) for one in inner)


def _is_labelled_count(call: ast.Call, loaded: Collection[str]) -> bool:
    """Whether `print("low:", len(low))` or the like tells how many."""
    inner = [node for one in call.args for node in ast.walk(one)]
    labels = [one.value for one in inner if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    counts = [one for one in inner if isinstance(one, ast.Call)]
    return (
        any(re.search(r"[^\W\d_]", label) for label in labels)
        and bool(counts)
        and all(called(one) == "len" and len(one.args) == 1 and not _is_whole(one.args[0], loaded) for one in counts)
    )


def _is_whole(node: ast.expr, loaded: Collection[str]) -> bool:
    """Whether what is counted is all that was read, or a part of its frame: `df`, `df.columns`."""
    return isinstance(node, ast.Attribute) or (isinstance(node, ast.Name) and node.id in loaded)


def _is_look(node: ast.expr) -> bool:
    match node:
        case ast.Constant():
            return True
        case ast.JoinedStr():
            return all(_is_look(one.value) for one in node.values if isinstance(one, ast.FormattedValue))
        case ast.Call(func=ast.Attribute(attr="sum" | "mean", value=inner)):
            return isinstance(inner, ast.Call) and called(inner) in {"isna", "isnull", "duplicated"}
        case ast.Call():
            return called(node) in _GLANCES and not any(
                isinstance(one, ast.Call) and not _is_look(one) for one in node.args
            )
        case ast.Attribute(attr=name):
            return name in _GLANCES
    return False


def tells(node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        return (
            called(node) in {"print", "display", "pprint"}
            or not isinstance(node.func, ast.Attribute)
            or is_result(node)
        )
    return isinstance(
        node, ast.Name | ast.BinOp | ast.Subscript | ast.Compare | ast.Attribute | ast.ListComp | ast.DictComp
    )


def is_result(call: ast.Call) -> bool:
    """Whether a call at the end of a notebook's cell stands there for what it gives back."""
    return called(call) in {
        "sum",
        "mean",
        "sort_values",
        "round",
        "groupby",
        "pivot_table",
        "agg",
        "to_string",
        "size",
        "count",
    }


def selects(code: str) -> bool:
    """Whether a program keeps only what is above or below some number: nothing at all may be left on a good day."""
    tree = tree_of(code)
    nodes = nodes_of(tree) if tree else ()
    numbers = {
        target.id
        for node in nodes
        if isinstance(node, ast.Assign) and _is_number(node.value, ())
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    tests = [one for node in nodes for one in _tests(node)]
    return any(
        isinstance(one, ast.Compare)
        and isinstance(one.ops[0], ast.Lt | ast.LtE | ast.Gt | ast.GtE)
        and any(_is_number(side, numbers) for side in (one.left, *one.comparators))
        for test in tests
        for one in ast.walk(test)
    ) or any(re.search(r"[<>]=?\s*[\d@]", str(test.value)) for test in tests if isinstance(test, ast.Constant))


def _tests(node: ast.AST) -> list[ast.expr]:
    """Return by what a piece of code selects from data."""
    match node:
        case ast.comprehension(ifs=tests):
            return tests
        case ast.Subscript(slice=test):
            return [test]
        case ast.For(body=body):
            return [one.test for one in body if isinstance(one, ast.If)]
        case ast.Call(func=ast.Attribute(attr="query"), args=[test, *_]):
            return [test]
    return []


def _is_number(node: ast.expr, names: Collection[str]) -> bool:
    if isinstance(node, ast.Name):
        return node.id in names
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float)


def prints(statement: ast.stmt) -> bool:
    """Whether a loop, a condition or the like prints; a function that prints does so only when it is called."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return False
    return any(isinstance(node, ast.Call) and called(node) == "print" for node in ast.walk(statement))


def called(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""
