"""Literals of a Python program in place of which a run puts its variables; all other code stays as it was."""

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from app.analysis.replay.handed import guarded
from app.analysis.replay.python_names import named, nodes_of, tree_of
from app.analysis.replay.strings import plain_parts
from app.analysis.replay.value import HARMLESS, Value

_DATES = {"date", "period"}
_WHOLE = {"text", "entity", "person"}
"""Kinds that count only where they are the whole text: words that also stand in other texts by chance."""

_LONG = 3
_DAYS = frozenset({"date", "datetime", "Timestamp"})
_SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ksh", "ssh", "su", "env", "sudo"})
_TAKES_SQL = frozenset({"execute", "executemany", "read_sql", "read_sql_query", "text", "sql"})
_TAKES_PROGRAM = frozenset({
    "exec", "eval", "compile", "query", "create_subprocess_shell", "exec_command", "execl", "execle", "execlp",
    "spawnl", "spawnlp", "system", "popen", "getoutput", "getstatusoutput",
})  # fmt: skip
_SQL = re.compile(r"^\s*(?:select|insert|update|delete|with|create|alter)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Spot:
    """A place in the source, in bytes, and the text that comes there."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Where:
    """How a literal is written instead: as Python that stands alone."""

    value: Value
    expression: str

    def inside(self, quote: str) -> str:
        """Return the expression for the inside of an f-string that uses `quote`."""
        other = "'" if quote[0] == '"' else '"'
        return self.expression.replace('"', other)


def placed(
    code: str, places: Sequence[Where], shell: Callable[[str], tuple[str, list[Value]]] = lambda script: (script, [])
) -> tuple[str, list[Value]]:
    """Return the code with expressions in place of the literals, and the values that were there.

    Commands that the code hands to a shell go through `shell`. Where the result would be no Python the code stays as it
    was.
    """
    places = [place for place in places if _may_stand(place.value, code)]
    tree = tree_of(code) if places else None
    if tree is None:
        return code, []
    source = _Source(code, tree, places, shell)
    try:
        spots = sorted(source.spots(), key=lambda one: one.start)
    except RecursionError:
        return code, []
    pieces, at = [], 0
    for one in spots:
        pieces += [source.content[at : one.start], one.text.encode()]
        at = one.end
    changed = b"".join([*pieces, source.content[at:]]).decode()
    if tree_of(changed) is None:
        return code, []
    return changed, source.used


class _Source:
    """A program and where its literals stand."""

    def __init__(
        self, code: str, tree: ast.Module, places: Sequence[Where], shell: Callable[[str], tuple[str, list[Value]]]
    ) -> None:
        self._shell = shell
        self.content = code.encode()
        self.places = places
        self.used: list[Value] = []
        self._tree = tree
        lines = self.content.split(b"\n")
        self._starts = [0]
        for line in lines:
            self._starts.append(self._starts[-1] + len(line) + 1)
        self._numbers = Counter(
            node.value for node in nodes_of(tree) if isinstance(node, ast.Constant) and _is_number(node.value)
        )

        compared = [one for node in nodes_of(tree) if isinstance(node, ast.Compare) for one in ast.walk(node)]
        self._compared = {one.id for one in compared if isinstance(one, ast.Name)}
        self._guarded = guarded(nodes_of(tree), _hands_on)

    def spots(self) -> Iterator[Spot]:
        """Return each place that changes."""
        yield from self._under(self._tree, None)

    def _under(self, node: ast.AST, parent: ast.AST | None) -> Iterator[Spot]:
        every = self.places
        if id(node) in self._guarded or _is_program(node) or _is_shell_list(node):
            self.places = [one for one in every if one.value.kind in HARMLESS]
        yield from self._of(node, parent)
        self.places = every

    def _of(self, node: ast.AST, parent: ast.AST | None) -> Iterator[Spot]:
        if isinstance(node, ast.Constant):
            yield from self._constant(node, parent)
        elif isinstance(node, ast.JoinedStr):
            yield from self._joined(node)
        elif _is_command(node):
            yield from self._command(node)
        elif _is_program(node):
            yield from self._inside(node)
        elif spot := self._called_day(node):
            yield spot
        elif not isinstance(node, ast.MatchValue | ast.Import | ast.ImportFrom) and not _is_script(node):
            yield from self._inside(node)

    def _inside(self, node: ast.AST) -> Iterator[Spot]:
        for field, child in ast.iter_fields(node):
            if field in {"annotation", "returns"}:
                continue
            for one in child if isinstance(child, list) else [child]:
                if isinstance(one, ast.AST):
                    yield from self._under(one, node)

    def _command(self, node: ast.AST) -> Iterator[Spot]:
        """Return what comes in place of a command for the shell; one that is put together while it runs stays."""
        assert isinstance(node, ast.Call)
        command = node.args[0]
        if isinstance(command, ast.Constant) and isinstance(command.value, str):
            text, found = self._shell(command.value)
            self.used += found
            if found:
                yield Spot(*self._place(command), repr(text))

    def _called_day(self, node: ast.AST) -> Spot | None:
        """Return what stands for the numbers of `date(2026, 11, 30)`, of a time only for its day."""
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[year, month, day, *_]) if (
                name in _DAYS
            ):
                given = [one.value for one in (year, month, day) if isinstance(one, ast.Constant)]
                parts = [one for one in given if isinstance(one, int)]
            case _:
                return None
        if len(parts) != _LONG:
            return None
        literal = f"{parts[0]}-{parts[1]:02}-{parts[2]:02}"
        place = next((one for one in self.places if one.value.literal == literal and one.value.kind == "date"), None)
        if place is None:
            return None
        self.used.append(place.value)
        text = f'*map(int, str({place.expression}).split("-"))'
        return Spot(self._place(year)[0], self._place(day)[1], text)

    def _place(self, node: ast.expr) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._starts[node.lineno - 1] + node.col_offset, self._starts[node.end_lineno - 1] + node.end_col_offset

    def _constant(self, node: ast.Constant, parent: ast.AST | None) -> Iterator[Spot]:
        if isinstance(parent, ast.Expr):
            return  # a docstring
        start, end = self._place(node)
        if isinstance(node.value, str):
            if text := self._text(node.value, parent, self.content[start:end].decode()):
                yield Spot(start, end, text)
        elif isinstance(node.value, int | float) and (found := self._number(node.value, parent)):
            made = f"{'float' if isinstance(node.value, float) else 'int'}({found.expression})"
            # A number comes as one, whole or not: int() would cut 9.5 to 9 without a word.
            yield Spot(start, end, found.expression if found.value.kind == "number" else made)

    def _number(self, number: float, parent: ast.AST | None) -> Where | None:
        """Return what stands for a number: one that can't be mistaken, or that the code calls by a word of its own."""
        if isinstance(number, bool):
            return None
        for place in self.places:
            if place.value.number is None or place.value.number != number:
                continue
            is_rare = len(f"{number:.10g}".replace(".", "")) >= _LONG and self._numbers[number] == 1
            said = f"{place.value.label} {place.value.excerpt}".lower()
            words = (
                {word for name, _ in named(parent) for word in re.findall(r"[a-z]{3,}", name.lower())}
                if parent
                else set()
            )
            if (
                is_rare
                or any(word.rstrip("s") in said for word in words)
                or (self._numbers[number] == 1 and self._is_compared(parent))
            ):
                self.used.append(place.value)
                return place
        return None

    def _is_compared(self, parent: ast.AST | None) -> bool:
        """Whether something is compared with a number, by the name that it is given."""
        if isinstance(parent, ast.Assign):
            return any(isinstance(one, ast.Name) and one.id in self._compared for one in parent.targets)
        return isinstance(parent, ast.Compare)

    def _text(self, text: str, parent: ast.AST | None, source: str) -> str:
        """Return an expression for a text with literals in it, empty without one."""
        pieces = self._split(text, lambda place: not (place.value.kind in _WHOLE and _is_key(parent, text)))
        if len(pieces) == 1 and isinstance(pieces[0], str):
            return ""
        wrap = _escaping(text, parent)
        self.used += [piece.value for piece in pieces if isinstance(piece, Where)]
        if len(pieces) == 1:
            assert isinstance(pieces[0], Where)
            return wrap(pieces[0].expression, is_alone=True)
        found = {piece.value.literal: piece for piece in pieces if isinstance(piece, Where)}
        if "\n" in source and all(
            text.count(literal) == sum(piece is place for piece in pieces) for literal, place in found.items()
        ):
            return source + "".join(
                f".replace({literal!r}, {wrap(place.expression)})" for literal, place in found.items()
            )
        return (
            "("
            + " + ".join(wrap(piece.expression) if isinstance(piece, Where) else repr(piece) for piece in pieces)
            + ")"
        )

    def _split(self, text: str, allows: Callable[[Where], bool]) -> list[str | Where]:
        pieces: list[str | Where] = [text]
        for place in self.places:
            if place.value.literal in text and allows(place):
                pieces = [
                    new for piece in pieces for new in (_cut(piece, place) if isinstance(piece, str) else [piece])
                ]
        return pieces

    def _joined(self, node: ast.JoinedStr) -> Iterator[Spot]:
        """Literals in the plain parts of an f-string, found in its source: of the inner parts no place is known."""
        start, end = self._place(node)
        before = self.content[start:end].decode()
        for first, last, quote in plain_parts(before):
            for piece_start, piece_end, place in self._in_plain(before[first:last]):
                self.used.append(place.value)
                at = len(before[: first + piece_start].encode())
                to = len(before[: first + piece_end].encode())
                expression = place.inside(quote) if len(quote) == 1 else place.expression
                yield Spot(start + at, start + to, "{" + expression + "}")

    def _in_plain(self, text: str) -> Iterator[tuple[int, int, Where]]:
        at = 0
        for piece in self._split(
            text, lambda place: place.value.kind not in _WHOLE or _is_quoted(text, place.value.literal)
        ):
            length = len(piece.value.literal) if isinstance(piece, Where) else len(piece)
            if isinstance(piece, Where):
                yield at, at + length, piece
            at += length


def _may_stand(value: Value, code: str) -> bool:
    """Whether a literal could stand in code: as it is, or a number and a day written in another way."""
    return value.literal in code or value.number is not None or value.kind == "date"


def _is_key(parent: ast.AST | None, text: str) -> bool:
    """Whether a text is the name of something in data: that of a column, or of an item."""
    if isinstance(parent, ast.Dict):
        return any(isinstance(key, ast.Constant) and key.value == text for key in parent.keys)
    return isinstance(parent, ast.Subscript)


def _is_command(node: ast.AST) -> bool:
    """Whether a call hands a command to a shell, in which what is put in would be read as a part of it."""
    if not isinstance(node, ast.Call) or not node.args:
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    is_shell = any(
        one.arg == "shell" and isinstance(one.value, ast.Constant) and one.value.value for one in node.keywords
    )
    return is_shell or name in {"system", "popen", "getoutput", "getstatusoutput"}


def _is_program(node: ast.AST) -> bool:
    """Whether a call hands on a program: to another shell or machine, to Python, pandas, or a database."""
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name in _TAKES_PROGRAM or any(one.arg == "shell" and not _is_false(one.value) for one in node.keywords):
        return True
    if name in _TAKES_SQL:
        return any(isinstance(one, ast.JoinedStr) for one in node.args)
    first = node.args[0] if node.args else None
    match first.elts if isinstance(first, ast.List) else []:
        case [ast.Constant(value=str(program)), *_]:
            return program != "bash" and program.rpartition("/")[2] in _SHELLS  # that one was looked into
    return False


def _is_shell_list(node: ast.AST) -> bool:
    """Whether a list is the command of a shell: `["sh", "-c", …]`."""
    match node:
        case ast.List(elts=[first, *_]) | ast.Tuple(elts=[first, *_]):
            return isinstance(first, ast.Constant) and str(first.value).rpartition("/")[2] in _SHELLS
    return False


def _hands_on(node: ast.AST) -> bool:
    return _is_command(node) or _is_program(node) or _is_shell_list(node)


def _is_false(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and not node.value


def _is_script(node: ast.AST) -> bool:
    """Whether a call hands a script to a shell: what is put into that is quoted in another way."""
    match node:
        case ast.Call(args=[ast.List(elts=[ast.Constant(value="bash"), *_]), *_]):
            return True
    return False


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_quoted(text: str, literal: str) -> bool:
    return bool(re.search(rf"['\"=/]{re.escape(literal)}(?:['\"&/]|$)", text))


def _cut(text: str, place: Where) -> list[str | Where]:
    """Cut a text at a literal that stands in it as a word of its own."""
    value = place.value
    if text == value.literal:
        return [place]
    if (
        (value.kind in _WHOLE and not _is_quoted(text, value.literal))
        or len(value.literal) < _LONG
        or not any(standing(value, text))
    ):
        return [text]
    pieces: list[str | Where] = []
    at = 0
    for begin, end in standing(value, text):
        pieces += [text[at:begin], place] if begin > at else [place]
        at = end
    return [*pieces, text[at:]] if at < len(text) else pieces


def standing(value: Value, text: str) -> Iterator[tuple[int, int]]:
    """Yield where the literal of a value stands in a text, begin and end: not as a part of a longer word or number."""
    at, length = text.find(value.literal), max(1, len(value.literal))
    while at >= 0:
        counts = bool(_spot(value.literal, value.kind).match(text, at))
        if counts:
            yield at, at + length
        at = text.find(value.literal, at + (length if counts else 1))


def put_in(value: Value, new: str, text: str) -> str:
    """Return a text with something else wherever the literal of a value stands."""
    pieces, at = [], 0
    for begin, end in standing(value, text):
        pieces += [text[at:begin], new]
        at = end
    return "".join([*pieces, text[at:]])


@lru_cache(maxsize=512)
def _spot(literal: str, kind: str) -> re.Pattern[str]:
    inner = re.escape(literal)
    if kind in _DATES:
        return re.compile(
            rf"(?<![\d]){inner}(?!\d|[-/.]\d)" if len(literal) < len("2026-09-01") else rf"(?<!\d){inner}(?!\d)"
        )
    return re.compile(rf"(?<![\w.@]){inner}(?![\w@])" if kind != "url" else rf"{inner}(?![\w-])")


def _escaping(text: str, parent: ast.AST | None) -> Callable[..., str]:
    """Return how a value is written into a text that is itself a pattern: of %, of format, of SQL, of a URL."""

    def wrap(expression: str, *, is_alone: bool = False) -> str:
        if isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Mod):
            return f'str({expression}).replace("%", "%%")'
        if isinstance(parent, ast.Attribute) and parent.attr == "format":
            return f'str({expression}).replace("{{", "{{{{").replace("}}", "}}}}")'
        if _SQL.match(text):
            return f"""str({expression}).replace("'", "''")"""
        return expression if is_alone else f"str({expression})"

    return wrap
