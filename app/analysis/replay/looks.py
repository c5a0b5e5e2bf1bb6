"""Statements that only look at data, and those that tell a result."""

import ast

from app.analysis.clauses import listed

_GLANCES = listed(
    "head tail info describe sample keys columns shape dtypes dtype unique nunique value_counts isna isnull notna any "
    "memory_usage len type dir help listdir getcwd exists glob isfile stat tolist sheet_names index values read "
    "__version__ rglob iterdir sorted list getsize"
)


def is_glance(statement: ast.stmt) -> bool:
    """Whether a statement only looks at data: `df.head()`, `print(df.columns)`."""
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
        )
    return not isinstance(value, ast.Name) and _is_look(value)


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
