"""Templates: definitions with a form, what they come to with answers, what they ask for, and which one fits."""

from app.domain.library.asking import (
    NEEDS,
    cost_words,
    engines,
    needs,
    needs_words,
    parts,
    permissions,
    promises,
    time_words,
)
from app.domain.library.content import (
    CATEGORIES,
    KINDS,
    MOST_FIELDS,
    Asked,
    Category,
    Content,
    Origin,
    Template,
    Unfit,
    parse,
    search,
)
from app.domain.library.filling import Made, Wrong, answers_of, asks_for, made, starts, taken_over
from app.domain.library.sharing import (
    FOREIGN_LEVEL,
    PACKAGED,
    Trust,
    asks,
    diff,
    foreign,
    hosts,
    named_outright,
    newly_asked,
    runs_code,
    trust,
    trust_words,
)
from app.domain.library.suggesting import Doing, Suggestion, from_history, suggest

__all__ = [
    "CATEGORIES", "FOREIGN_LEVEL", "KINDS", "MOST_FIELDS", "NEEDS", "PACKAGED", "Asked", "Category", "Content",
    "Doing", "Made", "Origin", "Suggestion", "Template", "Trust", "Unfit", "Wrong", "answers_of", "asks", "asks_for",
    "cost_words", "diff", "engines", "foreign", "from_history", "hosts", "made", "named_outright", "needs",
    "needs_words", "newly_asked", "parse", "parts", "permissions", "promises", "runs_code", "search", "starts",
    "suggest", "taken_over", "time_words", "trust", "trust_words",
]  # fmt: skip
