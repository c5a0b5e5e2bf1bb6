"""A plug-in of pytest: what each row of the promises met, what was seen, and whether it held, as a table."""

import re
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROMISES = ROOT / "docs" / "promises.md"
BEGIN, END = "<!-- table of the last run -->", "<!-- end of the table -->"

LATER = {
    "E10": "comes with approvals",
}
"""Rows of what does not exist yet."""

_ROW = re.compile(r"test_([seio]\d+)_(\w+)")
_WORD = {"passed": "pass", "failed": "FAIL", "skipped": "not tried"}


@dataclass
class Line:
    """One test of one row, on the databases it ran on."""

    fault: str
    results: dict[str, str] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    seconds: float = 0.0


def pytest_addoption(parser):
    parser.addoption("--table", default="", help="write the table into this document")


class Table:
    """Gathers the reports of a run, from wherever they come."""

    def __init__(self, path):
        self.path = Path(path) if path else None
        self.rows = defaultdict(dict)

    def pytest_runtest_logreport(self, report):
        found = _ROW.match(report.nodeid.rpartition("::")[2])
        if not found or not (report.when == "call" or report.outcome != "passed"):
            return
        row, words = found.group(1).upper(), found.group(2).replace("_", " ")
        line = self.rows[row].setdefault(words, Line(words))
        variant = "postgresql" if "postgresql" in report.nodeid else ""
        worst = "failed" in {report.outcome, line.results.get(variant)}
        line.results[variant] = "failed" if worst else report.outcome
        line.seconds = max(line.seconds, report.duration)
        line.seen += [text for name, text in report.user_properties if name == "seen" and text not in line.seen]
        if report.outcome == "skipped":
            line.seen.append(str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr))

    def pytest_terminal_summary(self, terminalreporter):
        text = "\n".join(self.lines())
        terminalreporter.write_line("")
        terminalreporter.write_line(text)
        if self.path:
            document = self.path.read_text(encoding="utf-8")
            before, _, rest = document.partition(BEGIN)
            self.path.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.partition(END)[2]}", encoding="utf-8")

    def lines(self):
        """The table in Markdown, every row of docs/promises.md in its order."""
        yield f"Run on {datetime.now(UTC):%Y-%m-%d}."
        yield ""
        yield "| | promise | fault | what was seen | longest | result |"
        yield "|---|---|---|---|---|---|"
        for row, promise in promises().items():
            tests = self.rows.get(row, {})
            if not tests:
                yield f"| {row} | {promise} | | {LATER.get(row, 'not run')} | | – |"
            for line in tests.values():
                result = ", ".join(sorted({_WORD[result] for result in line.results.values()}))
                seen = "; ".join(line.seen).replace("|", "/")
                yield f"| {row} | {promise} | {line.fault} | {seen} | {line.seconds:.1f} s | {result} |"


def promises():
    """Each row's name and promise, as docs/promises.md says them."""
    found = re.findall(r"^\| ([SEIO]\d+) \| ([^|]+) \|", PROMISES.read_text(encoding="utf-8"), re.MULTILINE)
    return {row: promise.strip() for row, promise in found}


def pytest_configure(config):
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Table(config.getoption("--table")), "table-of-faults")
