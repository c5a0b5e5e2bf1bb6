"""Fits the weights of app/analysis/variables.json: `python -m tests.analysis.fitting_values [FOLDER …]`.

It learns from tests/analysis/corpus and from further folders of labelled exports, where every candidate is told by its
signs (app/analysis/candidates.py), and from the requests of test_variables. It tells first how well the values of each
folder are found by weights that were fitted without that folder.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp
from pathlib import Path

from app.analysis import candidates, pipeline, variables, weighing
from app.analysis.base import Analysis
from app.analysis.candidates import Candidate
from app.domain.thread import Message, Thread
from app.importers.reading import threads

HERE = Path(__file__).parent
STEPS, RATE, MOMENTUM, PRIOR = 1500, 1.0, 0.9, 2.0
RARE = 4
"""Signs that are shown by fewer candidates say nothing."""

ALIKE = 0.6
"""The share of the longer of two texts that the shorter one has at least, where they count as the same value."""

TOLD = 2
"""How often a request of the test counts."""

Case = tuple[frozenset[str], bool]
Weights = dict[str, float]


@dataclass(frozen=True)
class Labelled:
    """The candidates of one thread and its values."""

    candidates: Sequence[Candidate]
    values: Sequence[str]

    @property
    def cases(self) -> list[Case]:
        """Each candidate's signs, and whether it is a value."""
        return [(one.signs, any(alike(one.literal.value, value) for value in self.values)) for one in self.candidates]

    def hits(self, found: Iterable[Candidate]) -> int:
        """Return how many values are among what was found."""
        left = [one.literal.value for one in found]
        for value in self.values:
            same = [text for text in left if text.casefold() == value.casefold()]
            same = same or [text for text in left if alike(text, value)]
            if same:
                left.remove(same[0])
        return sum(1 for _ in found) - len(left)


def alike(one: str, other: str) -> bool:
    """Whether one text has the other and is not much longer."""
    short, long = sorted((one.casefold(), other.casefold()), key=len)
    return short in long and len(short) >= ALIKE * len(long)


def labelled(folder: Path) -> list[Labelled]:
    """Return the threads of a folder."""
    found = []
    for label in sorted(folder.glob("*.gold.json")):
        name = label.name.removesuffix(".gold.json")
        (export,) = (path for path in folder.glob(f"{name}.*") if path != label)
        thread = next(iter(threads(export)))
        values = [value["value"] for value in json.loads(label.read_text(encoding="utf-8"))["variables"]]
        found.append(Labelled(candidates.candidates(thread, pipeline.analyse(thread)), values))
    return found


def told() -> list[Case]:
    """Return the candidates of the requests of the test."""
    from tests.analysis.test_variables import CORRECTED, NOTHING, SAID

    said: list[tuple[str, Iterable[str]]] = [*SAID, *CORRECTED, *((text, ()) for text in NOTHING)]
    return [
        case for text, values in said
        for case in Labelled(
            candidates.candidates(Thread("claude", (Message("user", text),)), Analysis()), list(values)
        ).cases
    ] * TOLD  # fmt: skip


def fitted(cases: Sequence[Case]) -> Weights:
    """Return the weights of a logistic regression that are pulled towards zero."""
    seen = Counter(sign for signs, _ in cases for sign in signs)
    weights = {sign: 0.0 for sign in sorted(seen) if seen[sign] >= RARE} | {"": 0.0}
    speed = dict.fromkeys(weights, 0.0)
    known = [([*(sign for sign in signs if sign in weights), ""], is_value) for signs, is_value in cases]
    for _ in range(STEPS):
        slope = {sign: PRIOR * weight for sign, weight in weights.items()} | {"": 0.0}
        for signs, is_value in known:
            miss = 1 / (1 + exp(-sum(weights[sign] for sign in signs))) - is_value
            for sign in signs:
                slope[sign] += miss
        for sign in weights:
            speed[sign] = MOMENTUM * speed[sign] - RATE * slope[sign] / len(cases)
            weights[sign] += speed[sign]
    return weights


def scored(corpus: Iterable[Labelled], weights: Weights) -> tuple[int, int, int]:
    """Return how many values were found, how many were told, and how many there are."""
    hits = given = wanted = 0
    for one in corpus:
        found = variables.final(
            [other for other in one.candidates if weighing.weighed(other.signs, weights) >= variables.ENOUGH]
        )
        hits, given, wanted = hits + one.hits(found), given + len(found), wanted + len(one.values)
    return hits, given, wanted


def main(folders: list[str]) -> None:
    corpora = {folder: labelled(Path(folder)) for folder in [str(HERE / "corpus"), *folders]}
    cases = {folder: [case for one in corpus for case in one.cases] for folder, corpus in corpora.items()}
    for folder, corpus in corpora.items():
        others = [case for name, more in cases.items() if name != folder for case in more]
        hits, given, wanted = scored(corpus, fitted([*told(), *others])) if others else (0, 0, 0)
        f1 = 2 * hits / max(1, given + wanted)
        sys.stdout.write(f"{folder}: {hits} of {wanted} found, {given} told, F1 {f1:.3f} by weights of the others\n")
    weights = fitted([*told(), *(case for more in cases.values() for case in more)])
    lines = ",\n".join(f"{json.dumps(sign)}: {round(weight, 2)}" for sign, weight in sorted(weights.items()))
    (HERE.parents[1] / "app/analysis/variables.json").write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
