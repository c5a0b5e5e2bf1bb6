"""Fits the weights of app/analysis/intent.json: `python -m tests.analysis.fitting [FOLDER …]`.

It learns from tests/analysis/examples.txt (made-up requests), test_intent.SAID and tests/analysis/corpus, and from
further folders of labelled exports. It tells first how many of each folder's threads are read right by weights that
were fitted without that folder. In an example `|` stands between intent, tools, files, pace and what the person says,
` // ` between messages.
"""

import json
import sys
from collections.abc import Iterable
from math import exp
from pathlib import Path

from app.analysis import intent, schedule
from app.analysis.base import Analysis
from app.analysis.signs import Signs, signs
from app.domain.thread import Attachment, Message, Thread, ToolCall
from app.importers.reading import threads

HERE = Path(__file__).parent
STEPS, RATE, MOMENTUM, PRIOR = 400, 0.5, 0.9, 4.0
REAL = 3
"""How many made-up requests one labelled thread is worth."""
PACES = {
    "often": {"kind": "interval", "every_seconds": 900},
    "regular": {"kind": "cron", "cron": "0 9 * * 1"},
    "once": {"kind": "once", "at": "2026-11-04T14:30:00"},
    "none": {"kind": "none"},
}
Case = tuple[str, str, Signs]


def made_up() -> list[Case]:
    """Return the examples, as name, intent and signs."""
    cases = []
    for line in (HERE / "examples.txt").read_text(encoding="utf-8").splitlines():
        wanted, tools, files, pace, said = (part.strip() for part in line.split("|", 4))
        calls = tuple(ToolCall(name.strip()) for name in tools.split(",") if name != "none")
        given = tuple(Attachment(name.strip()) for name in files.split(",") if name != "none")
        messages: list[Message] = []
        for number, text in enumerate(said.split(" // ")):
            messages.append(Message("user", text, attachments=() if number else given))
            messages.append(Message("assistant", "Done.", calls=() if number else calls))
        cases.append((line[:60], wanted, signs(Thread("claude", tuple(messages)), PACES[pace])))
    return cases


def told() -> list[Case]:
    """Return the requests of the test."""
    from tests.analysis.test_intent import SAID

    of = (tuple(Message("user", part) for part in text.split(" / ")) for _, text in SAID)
    return [(text, wanted, signs(Thread("claude", said), None)) for (wanted, text), said in zip(SAID, of, strict=True)]


def labelled(folder: Path) -> list[Case]:
    """Return the labelled exports of a folder."""
    cases = []
    for label in sorted(folder.glob("*.gold.json")):
        name = label.name.removesuffix(".gold.json")
        (export,) = (path for path in folder.glob(f"{name}.*") if path != label)
        thread = next(iter(threads(export)))
        found = schedule.stage(thread, Analysis())[0].value
        cases.append((name, json.loads(label.read_text(encoding="utf-8"))["intent"], signs(thread, found)))
    return cases


def fitted(cases: list[Case]) -> dict[str, list[float]]:
    """Return weights of a multinomial logistic regression that are pulled towards zero."""
    weights = {sign: [0.0] * len(intent.INTENTS) for _, _, shown in cases for sign in shown} | {"": [0.0] * 8}
    speed = {sign: [0.0] * len(intent.INTENTS) for sign in weights}
    numbered = [(intent.INTENTS.index(wanted), [*shown.items(), ("", 1.0)]) for _, wanted, shown in cases]
    for _ in range(STEPS):
        slope = {sign: [PRIOR * weight for weight in row] for sign, row in weights.items()}
        for wanted, shown in numbered:
            scores = [sum(weights[sign][number] * much for sign, much in shown) for number in range(8)]
            total = sum(exp(score) for score in scores)
            miss = [exp(score) / total - (number == wanted) for number, score in enumerate(scores)]
            for sign, much in shown:
                row = slope[sign]
                for number in range(8):
                    row[number] += miss[number] * much
        for sign, row in weights.items():
            for number in range(8):
                speed[sign][number] = MOMENTUM * speed[sign][number] - RATE * slope[sign][number] / len(cases)
                row[number] += speed[sign][number]
    return weights


def wrong(cases: Iterable[Case], weights: dict[str, list[float]]) -> list[tuple[str, str, str]]:
    """Return the cases that are read wrong: name, what is right, what is read."""
    found = []
    for name, wanted, shown in cases:
        rows = [[weight * much for weight in weights.get(sign, [0.0] * 8)] for sign, much in shown.items()]
        scores = [sum(column) for column in zip(weights[""], *rows, strict=True)]
        best = intent.INTENTS[scores.index(max(scores))]
        found += [(name, wanted, best)] if best != wanted else []
    return found


def main(folders: list[str]) -> None:
    written = [*made_up(), *told()]
    corpora = {folder: labelled(Path(folder)) for folder in [str(HERE / "corpus"), *folders]}
    for folder, cases in corpora.items():
        others = [case for name, more in corpora.items() if name != folder for case in more]
        missed = wrong(cases, fitted(written + others * REAL))
        right = f"{len(cases) - len(missed)} of {len(cases)} by weights of the others"
        sys.stdout.write("\n  ".join([f"{folder}: {right}", *map(str, missed)]) + "\n")
    weights = fitted(written + [case for cases in corpora.values() for case in cases] * REAL)
    rows = {sign: [round(weight, 2) for weight in row] for sign, row in sorted(weights.items())}
    lines = ",\n".join(f"{json.dumps(sign)}: {row}" for sign, row in rows.items())
    (HERE.parents[1] / "app/analysis/intent.json").write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
