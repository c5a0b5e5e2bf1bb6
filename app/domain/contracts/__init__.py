"""Contracts: what must be true after a run, in words and as values, and whether it is."""

from app.domain.contracts.checking import check
from app.domain.contracts.finished import Delivery, File, Finished, Judged, Page, Result, Verdict
from app.domain.contracts.kinds import CHECK, KINDS, MOST, Check, Contract, files_named, filled, parse, stored
from app.domain.contracts.reading import EXAMPLES, Reading, read
from app.domain.contracts.words import in_words, sentence, shown, written

__all__ = [
    "CHECK",
    "EXAMPLES",
    "KINDS",
    "MOST",
    "Check",
    "Contract",
    "Delivery",
    "File",
    "Finished",
    "Judged",
    "Page",
    "Reading",
    "Result",
    "Verdict",
    "check",
    "files_named",
    "filled",
    "in_words",
    "parse",
    "read",
    "sentence",
    "shown",
    "stored",
    "written",
]  # fmt: skip
