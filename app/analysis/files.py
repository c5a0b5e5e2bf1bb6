"""The files a run needs: attached, named by the person, opened by code that went well; never what the run makes."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from app.analysis.attachments import FILE_NAME
from app.analysis.calls import code_of, has_failed, is_housekeeping, path_of, texts, words, writes_files
from app.analysis.clauses import is_denied, listed
from app.analysis.code import Fragment, fragments
from app.domain.thread import Thread, ToolCall

_PATH = re.compile(rf"(?<![\w@/.*{{}}%:-])(?:~?/|\./)?(?:[\w.~@+-]{{1,80}}/){{0,12}}{FILE_NAME}(?![\w@/({{*])")
_IS_FILE = re.compile(
    r"\.(?:csv|tsv|txt|json|jsonl|ndjson|xml|ya?ml|toml|ini|cfg|conf|env|xlsx?|xlsm|ods|docx?|odt|rtf|pptx?|pdf|md"
    r"|rst|html?|sql|sqlite3?|db|parquet|feather|avro"
    r"|zip|tar|gz|tgz|zst|7z|log|png|jpe?g|gif|webp|heic|tiff?|svg|bmp|mp[34]|wav|m4a|ogg|mov|avi|mkv|ics|vcf|eml"
    r"|msg|mbox|bib|tex|geojson|gpx|kml|shp|dxf|dwg|stl|psd|ai|indd"
    r"|fasta|fastq|fa|vcf|bam|sav|dta|rds|rda|mat|h5|hdf5|nc|npy|npz|pkl|dat|pcap|lock|tf|proto|po|srt|vtt|py|js|ts"
    r"|sh|r|ipynb|java|go|rb|php|css|scss|vue|jsx|tsx|rs|c|cpp|h)$",
    re.IGNORECASE,
)
_IS_CODE = re.compile(r"\.(?:py|js|mjs|ts|sh|bash|rb|r|ipynb|php|go|rs|ps1|pl)$", re.IGNORECASE)
_IS_PICTURE = re.compile(r"\.(?:png|jpe?g|gif|webp|heic|tiff?|bmp)$", re.IGNORECASE)
_READS = re.compile(
    r"(?:\bopen|read_\w{2,20}|\bload\w{0,20}|read\w{0,20}|readFile\w{0,10}|imread|DictReader|Document|PdfReader"
    r"|PdfFileReader|ImageDataGenerator|from_file|parse|Path|file_get_contents|fopen)"
    r"\(\s?(?:await )?[rfb]?[\"'`]([^\"'`\n]{1,200})[\"'`](?:\s?,\s?(?:mode\s?=\s?)?[\"']([a-z+]{1,4})[\"'])?"
)
_WRITES = re.compile(
    r"(?:\.to_\w{2,20}|savefig|\bsave\w{0,20}|\bwrite\w{0,20}|imwrite|writeFile\w{0,10}|export\w{0,10}|ExcelWriter"
    r"|dump)\([^\"'`\n]{0,60}[rfb]?[\"'`]([^\"'`\n]{1,200})[\"'`]"
)
_SHELL_OUT = re.compile(
    r"(?:>>?|\btee(?: -a)?|\s-o|\s--out(?:put)?[ =]|\btouch|\bof=)\s{0,2}[\"']?([^\s;&|<>\"')]{1,200})"
)
_SHELL_IN = re.compile(
    r"(?<![>\w])(?:\b(?:cat|head|tail|less|wc|grep|awk|sed|jq|sort|cut|csvcut|xmllint|source|file|stat|unzip|tar"
    r"|pdftotext|diff|psql -f|sha256sum|md5sum|uniq)\b[^;&|>\n]{0,300}|<\s?[\w./~-]{1,200})"
)
_RUNS = re.compile(
    r"\b(?:python[\d.]{0,4}|node|bash|sh|zsh|ruby|Rscript|perl|php|npx|deno run"
    r"|make)\s{1,2}(?:-\w{1,10} )?([^\s;&|<>]{1,200})([^;&|>\n]{0,300})"
)
_OUT_KEY = re.compile(r"new|out|dest|target|save|result|to$|as$", re.IGNORECASE)
_OUT_TOOL = listed("create write save export generate render download screenshot plot draw")
_CHANGE_TOOL = listed("edit replace insert append update str patch rename move read open view")
_BEFORE_OUTPUT = re.compile(
    r"(?:(?<![\w/])(?:as|into|called|named|to|write|writes|save|saved|export|exported|create|make|generate|produce|like"
    r"|output|results?|ergebnis\w{0,2}|ableg\w{1,2}|ablage|kopie|résultats?|resultados?|als|nach|namens|speicher\w{0,3}|schreib\w{0,2}|erzeug\w{1,3}|erstell\w{1,3}|wie"
    r"|sous|vers|nommée?|appelée?|comme|enregistr\w{1,4}|écri\w{1,3}|génér\w{1,3}|cré\w{1,3}|como|llamad[oa]"
    r"|guarda\w{0,4}|escrib\w{1,3}|gener\w{1,3}|crea\w{0,2}|hacia)\b[^.!?\n,]{0,20})$",
    re.IGNORECASE,
)
_AND_SO_ON = re.compile(
    r"['\"`)]{0,2},? (?:and so on|and the like|etc|usw|und so weiter|et cetera|et ainsi de suite|y así|y demás)\b",
    re.IGNORECASE,
)
"""Behind a name that only shows how such files are called."""

_BEFORE_INPUT = re.compile(
    r"\b(?:in|from|of|file|files|use|using|using the|open|read|reading|load|check|process|analy[sz]e|see|with|have"
    r"|via|is|into the|row in|per|the|our|my|this|export|list|at|under"
    r"|aus|von|datei|der|die|das|dem|den|mit|nutze|lies|öffne|liste|unsere?|meine?|ist|hier|dans|de|du|le|la"
    r"|fichier|depuis|avec|notre|mon|ma|est|lis|ouvre|utilise|selon|desde|del|el|archivo|fichero|con|nuestr[oa]|mi"
    r"|es|lee|abre|usa|según|en)"
    r"[ :]{1,3}[\"'`*(„«]{0,2}$",
    re.IGNORECASE,
)
_SAMPLE = re.compile(
    r"\b(?:samples?|examples?|for instance|beispiel\w{0,2}|muster|zum testen|exemples?|échantillons?|ejemplos?"
    r"|muestras?)\b(?![\w.]*\.\w)",
    re.IGNORECASE,
)
_PATTERN = re.compile(r"YYYY|MM-DD|\{|\}|<|>|\*|%[YmdHs]|xxx", re.IGNORECASE)
READ = 10_000
MOST = 200
"""Files of a thread that are told."""

_LONGEST = 200
_SANDBOX = re.compile(
    r"^(?:sandbox:)?/?(?:mnt/data|mnt/user-data(?:/uploads|/outputs)?|workspace(?:/uploads)?|content|tmp|data|app"
    r"|home/\w+|root|input|uploads?)/|^\./"
)


@dataclass
class _Known:
    """What is known of the thread's files while it is read from its start."""

    attached: dict[str, int] = field(default_factory=dict)
    samples: set[str] = field(default_factory=set)
    said: dict[str, tuple[int, int]] = field(default_factory=dict)
    made: set[str] = field(default_factory=set)
    wanted: set[str] = field(default_factory=set)
    needed: dict[str, tuple[int, float]] = field(default_factory=dict)
    patterns: set[str] = field(default_factory=set)
    ran_script: bool = False

    def need(self, name: str, number: int, sure: float) -> None:
        if len(self.needed) < MOST:
            self.needed.setdefault(name, (number, sure))
        if name not in self.attached:
            self.patterns.add(_pattern(name))


def short(path: str) -> str:
    """Return a path without the folder of the sandbox it was in; one of the person's own stays as it is."""
    return _SANDBOX.sub("", path.strip().strip("'\"`"))


def base(path: str) -> str:
    return path.rsplit("/", 1)[-1]


def inputs(thread: Thread, attached: list[tuple[str, int]]) -> Iterator[tuple[str, int, float]]:
    """Return each input once: its name, the message it stands in, and how sure it is needed."""
    known = _Known()
    for name, number in attached:
        known.attached[base(name)] = number
        if _SAMPLE.search(_without_names(thread.messages[number].text)):
            known.samples.add(base(name))
    _walk(thread, known)
    for name, number in known.attached.items():
        if name not in known.samples and not _IS_PICTURE.search(name):
            known.need(name, number, 0.9)
    yield from ((name, number, sure) for name, (number, sure) in _renewed(known).items())


def _without_names(text: str) -> str:
    return _PATH.sub(" ", text)


def _walk(thread: Thread, known: _Known) -> None:
    pieces = defaultdict(list)
    for piece in fragments(thread):
        pieces[piece.message].append(piece)
    for number, message in enumerate(thread.messages):
        if message.role == "user":
            _hear(message.text[:READ], number, known)
        for piece in pieces[number]:
            _read_code(piece, known)
        for call in message.calls:
            if not code_of(call) and not is_housekeeping(call):
                _read_arguments(call, number, known)


def _hear(text: str, number: int, known: _Known) -> None:
    """Files in the person's words: an input where they say so."""
    for hit in _PATH.finditer(text):
        name = short(hit[0].rstrip("."))
        if (
            not _IS_FILE.search(name)
            or _PATTERN.search(name)
            or base(name) in known.attached
            or re.search(r"://\S*$", text[max(0, hit.start() - 200) : hit.start()])
        ):
            continue
        before = text[max(0, hit.start() - 60) : hit.start()]
        is_new = base(name) not in known.made
        if is_new:
            known.said.setdefault(base(name), (number, hit.start()))
        is_next = _pattern(name) in known.patterns
        if _BEFORE_OUTPUT.search(before):
            known.wanted.add(base(name))
            continue
        if not is_new or _AND_SO_ON.match(text, hit.end()) or is_denied(text, hit.start()):
            continue
        if is_next or _BEFORE_INPUT.search(before) or not before.strip():
            known.need(name, number, 0.7)


def _read_code(piece: Fragment, known: _Known) -> None:
    opened = [(hit[1], bool(set(hit[2] or "") & set("wax"))) for hit in _READS.finditer(piece.text)]
    made = [hit[1] for hit in _WRITES.finditer(piece.text)] + [path for path, is_written in opened if is_written]
    if piece.is_shell:
        made += [hit[1] for hit in _SHELL_OUT.finditer(piece.text)]
    known.made |= {base(one) for one in made} - set(known.attached)
    if piece.is_sound:
        for path, is_written in opened:
            if not is_written:
                _open(path, piece.message, known, 0.85)
        if piece.is_shell:
            _read_commands(piece, known)
    known.ran_script = known.ran_script or (piece.was_run and bool(_RUNS.search(piece.text)))


def _read_commands(piece: Fragment, known: _Known) -> None:
    """Files that commands read; behind a script they may be what it made, so only those the person knows count."""
    script = _RUNS.search(piece.text)
    for hit in _SHELL_IN.finditer(piece.text):
        if not known.ran_script and not (script and script.end() <= hit.start()):
            for path in _PATH.finditer(hit[0]):
                _open(path[0], piece.message, known, 0.7)
    for hit in _RUNS.finditer(piece.text):
        for path in _PATH.finditer(hit[2]):
            is_known = base(path[0]) in known.said and base(path[0]) not in known.wanted
            if is_known or base(path[0]) in known.attached:
                _open(path[0], piece.message, known, 0.7)


def _open(path: str, number: int, known: _Known, sure: float) -> None:
    name = short(path)
    if base(name) in known.attached:
        known.samples.discard(base(name))
        known.need(base(name), number, sure)
    elif _IS_FILE.search(name) and base(name) not in known.made and not _PATTERN.search(name):
        is_elsewhere = "://" in name or name.startswith(("/dev/", "/proc/"))
        # the agent's own scripts are no input
        if not is_elsewhere and (not _IS_CODE.search(name) or base(name) in known.said):
            known.need(name, number, sure)


def _read_arguments(call: ToolCall, number: int, known: _Known) -> None:
    """Files in a tool's arguments: an input unless the tool makes them."""
    parts = words(call.name)
    path = path_of(call)
    if has_failed(call):
        return
    is_making = path and parts & _OUT_TOOL and not parts & _CHANGE_TOOL
    if is_making or call.arguments.get("command") == "create":
        if base(path) not in known.said and base(path) not in known.attached:
            known.made.add(base(path))
        return
    for key, value in texts(call.arguments):
        name = value.strip()
        if len(name) > _LONGEST or not _PATH.fullmatch(name) or not _IS_FILE.search(name):
            continue
        if _OUT_KEY.search(key) or base(name) in known.wanted - set(known.attached):
            known.made.add(base(name))
        elif not writes_files(call) or base(name) not in known.made:
            _open(name, number, known, 0.8)


def _renewed(known: _Known) -> dict[str, tuple[int, float]]:
    """A file the person names later in place of an earlier one of the same pattern takes its place."""
    kept: dict[str, tuple[int, float]] = {}
    oldest: dict[str, str] = {}
    bases: set[str] = set()
    for name, told in sorted(known.needed.items(), key=lambda one: one[1][0]):
        pattern, is_attached = _pattern(name), name in known.attached
        older = None if is_attached else oldest.get(pattern)
        if older and base(name) in known.said and known.said[base(name)][0] > kept[older][0]:
            kept.pop(older)
            bases.remove(base(older))
            del oldest[pattern]
        if base(name) not in bases:
            kept[name] = told
            bases.add(base(name))
            if not is_attached:
                oldest.setdefault(pattern, name)
    return kept


def _pattern(name: str) -> str:
    return re.sub(r"\d+", "0", name)
