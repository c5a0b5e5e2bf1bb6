"""Cells of a notebook read as Python: the names they make and use, the files they touch, whether they tell a result."""

import ast
import builtins
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from app.analysis.clauses import listed
from app.analysis.replay.looks import called, is_glance, loaded, prints, tells
from app.analysis.replay.python_names import nodes_of, tree_of

_FILE = re.compile(r"[^\n:*?\"<>|{}]{0,180}[^\s/:*?\"<>|{}]\.[A-Za-z][A-Za-z0-9]{1,7}")
_WRITES = re.compile(
    r"(?:to_(?:csv|excel|json|parquet|html|pickle|feather|markdown|latex|xml|sql)|save\w*|write\w*|dump|export\w*|ExcelWriter|imwrite)$"
)
_ACTS = listed(
    "post put patch delete send sendmail send_message system run call check_call check_output Popen commit upload "
    "upload_file execute executemany urlretrieve extractall rename move copy copyfile remove unlink rmtree"
)
_COMPOUND = (
    ast.For, ast.AsyncFor, ast.While, ast.If, ast.With, ast.AsyncWith, ast.Try, ast.TryStar, ast.Match,
)  # fmt: skip
_TELLING = 4
"""Letters of a value that is no coincidence where it stands twice."""

_BUILT_IN = {*dir(builtins), "__name__", "__file__", "__doc__", "display", "get_ipython", "exit", "quit"}


@dataclass(frozen=True)
class Cell:
    """What a piece of Python does: names it makes (`makes`), of those it imports, and names it needs from before.

    `maybe` are names it makes only in some case, `changes` those whose object it changes. `writes` and `reads` are
    names of files; `tells` that it prints a result; `acts` that it does something outside.
    """

    code: str
    makes: frozenset[str] = frozenset()
    maybe: frozenset[str] = frozenset()
    changes: frozenset[str] = frozenset()
    imports: frozenset[str] = frozenset()
    needs: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()
    reads: frozenset[str] = frozenset()
    tells: bool = False
    acts: bool = False
    constants: Mapping[str, str] = field(default_factory=dict)


def read(code: str, known: Mapping[str, str] | None = None) -> Cell:
    """Return what a piece of Python does; `known` are names that stand for texts. What can't be read does nothing."""
    tree = tree_of(code)
    if tree is None:
        return Cell(code)
    constants = dict(known or {}) | dict(_constants(tree))
    seen = _Seen()
    for statement in tree.body:
        seen.visit_one(statement)
    writes, reads = _files(tree, constants)
    whole = loaded(tree)
    told = [one for one in tree.body if isinstance(one, ast.Expr) and tells(one.value) and not is_glance(one, whole)]
    return Cell(
        code,
        frozenset(seen.makes),
        frozenset(seen.maybe),
        frozenset(seen.changes),
        frozenset(seen.imports),
        frozenset(seen.needs - _BUILT_IN),
        frozenset(writes),
        frozenset(reads),
        bool(told) or any(prints(one) for one in tree.body if not isinstance(one, ast.Expr)),
        any(isinstance(node, ast.Call) and called(node) in _ACTS for node in nodes_of(tree)),
        dict(_constants(tree)),
    )


class _Seen:
    """Names in the order of statements: what is needed from before, what is made, what is changed in place."""

    def __init__(self) -> None:
        self.makes: set[str] = set()
        self.maybe: set[str] = set()
        self.changes: set[str] = set()
        self.imports: set[str] = set()
        self.needs: set[str] = set()

    def visit_one(self, statement: ast.stmt, *, is_sure: bool = True) -> None:
        """Take one statement; not `is_sure`: it runs only in some case."""
        made: set[str] = set()
        if isinstance(statement, ast.Import | ast.ImportFrom):
            made = {(one.asname or one.name).partition(".")[0] for one in statement.names}
            self.imports |= made
        elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            made = {statement.name}
            self.needs |= _free(statement) - self.makes - made
        elif isinstance(statement, _COMPOUND):
            self._compound(statement)
        else:
            made = self._simple(list(ast.walk(statement)), statement)
        self.maybe |= set() if is_sure else made - self.makes
        self.makes |= made

    def _simple(self, nodes: Sequence[ast.AST], whole: ast.AST) -> set[str]:
        inner = [node for node in nodes if isinstance(node, ast.comprehension | ast.NamedExpr)]
        own = {name for one in inner for name in _stored(ast.walk(one))}
        self.needs |= _loads(nodes) - own - self.makes
        if isinstance(whole, ast.AugAssign) and isinstance(whole.target, ast.Name):
            self.needs |= {whole.target.id} - self.makes
        self.changes |= _changed(nodes) - self.makes
        return _stored(nodes)

    def _compound(self, statement: ast.stmt) -> None:
        """Take a loop, a condition and the like: first its head, then what is in it."""
        heads: list[ast.AST] = []
        blocks: list[ast.stmt] = []
        for child in ast.iter_child_nodes(statement):
            if isinstance(child, ast.stmt):
                blocks.append(child)
            elif isinstance(child, ast.ExceptHandler | ast.match_case):
                heads += [child.type] if isinstance(child, ast.ExceptHandler) and child.type else []
                heads += [child.pattern] if isinstance(child, ast.match_case) else []
                self.makes |= {child.name} if isinstance(child, ast.ExceptHandler) and child.name else set()
                blocks += child.body
            else:
                heads.append(child)
        is_sure = isinstance(statement, ast.With | ast.AsyncWith | ast.Try)
        for head in heads:
            made = self._simple(list(ast.walk(head)), head)
            self.maybe |= set() if is_sure else made - self.makes
            self.makes |= made
        for block in blocks:
            self.visit_one(block, is_sure=is_sure)


def _stored(nodes: Iterable[ast.AST]) -> set[str]:
    return {one.id for one in nodes if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}


def _loads(nodes: Sequence[ast.AST]) -> set[str]:
    """Return the names that are read, without arguments of lambdas and of functions inside."""
    own = {arg.arg for one in nodes if isinstance(one, ast.arguments) for arg in _arguments(one)}
    return {one.id for one in nodes if isinstance(one, ast.Name) and not isinstance(one.ctx, ast.Store)} - own


def _free(node: ast.AST) -> set[str]:
    """Return what a function or class reads and does not make itself."""
    nodes = list(ast.walk(node))
    stored = _stored(nodes)
    stored |= {
        one.name for one in nodes if isinstance(one, ast.FunctionDef | ast.ClassDef | ast.ExceptHandler) and one.name
    }
    for one in nodes:
        if isinstance(one, ast.Import | ast.ImportFrom):
            stored |= {(alias.asname or alias.name).partition(".")[0] for alias in one.names}
    return _loads(nodes) - stored


def _arguments(one: ast.arguments) -> Iterator[ast.arg]:
    yield from (*one.posonlyargs, *one.args, *one.kwonlyargs, *filter(None, (one.vararg, one.kwarg)))


def _changed(nodes: Sequence[ast.AST]) -> set[str]:
    """Return the names whose object a statement changes: by an item, an attribute, or a call for its effect."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
            found.add(_root(node))
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Call)
            and isinstance(node.value.func, ast.Attribute)
            and not is_glance(node)
        ):
            found.add(_root(node.value.func))
    return found - {""}


def _root(node: ast.AST) -> str:
    while isinstance(node, ast.Subscript | ast.Attribute | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def values_in(code: str) -> set[str]:
    """Return the texts and numbers of some length that stand in a program."""
    tree = tree_of(code) or ast.Module([], [])
    found = {node.value for node in nodes_of(tree) if isinstance(node, ast.Constant)}
    plain = {str(value) for value in found if isinstance(value, str | int | float) and not isinstance(value, bool)}
    return {value for value in plain if len(value) >= _TELLING and "\n" not in value}


# --- files


def _constants(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(text))):
                yield name, text


def _files(tree: ast.AST, constants: Mapping[str, str]) -> tuple[set[str], set[str]]:
    writes: set[str] = set()
    reads: set[str] = set()
    for node in nodes_of(tree):
        if not isinstance(node, ast.Call):
            continue
        given = [*node.args, *(one.value for one in node.keywords if one.arg not in {"sep", "encoding", "columns"})]
        names = [text for one in given if (text := _text(one, constants)) and is_file(text)]
        if isinstance(node.func, ast.Attribute) and (named := _text(_path_of(node.func.value), constants)):
            names += [named] if is_file(named) and _WRITES.match(node.func.attr) else []
        (writes if _is_write(node, constants) else reads).update(base(one) for one in names)
    return writes, reads - writes


def _path_of(node: ast.AST) -> ast.AST:
    """Return what stands in `Path(…)`, else what was given."""
    return node.args[0] if isinstance(node, ast.Call) and called(node) == "Path" and node.args else node


def _is_write(call: ast.Call, constants: Mapping[str, str]) -> bool:
    if called(call) == "open":
        modes = [*call.args[1:2], *(one.value for one in call.keywords if one.arg == "mode")]
        return any(set(_text(mode, constants)) & set("wax") for mode in modes)
    return bool(_WRITES.match(called(call)))


def _text(node: ast.AST, constants: Mapping[str, str]) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.Name(id=name):
            return constants.get(name, "")
    return ""


def is_file(text: str) -> bool:
    """Whether a text is the name of a file."""
    return bool(_FILE.fullmatch(text)) and "://" not in text and "@" not in text


def base(path: str) -> str:
    """Return the last part of a path."""
    return path.rpartition("/")[2]
