"""Templates from elsewhere: what one asks to be allowed, whether its publisher is known, what is new in it."""

import difflib
import json
import re
from collections.abc import Collection, Iterator
from typing import Any, Literal

from app.domain.library.asking import permissions, reaches
from app.domain.library.content import FIXED, Content

FOREIGN_LEVEL = 2
"""Code that another team or installation has written runs isolated at least so well."""

PACKAGED = "."
"""Stands in the slug of a template that a package brings, between its name and that of the package, and in no other."""

Trust = Literal["own", "known", "new", "changed"]

_URL = re.compile(r"\b[a-z][a-z0-9+.-]{1,20}://(?:[^\s/@'\"<>]{0,200}@)?([A-Za-z0-9][\w.-]{0,250})", re.IGNORECASE)
_CODE = frozenset({"python", "shell"})
_DESCRIBES = ("name", "category", "icon", "sentence", "about", "sample", "notes", "words", "seconds", "cents",
              "minutes_saved")  # fmt: skip
_MOST_LINES = 400
_PLACED = re.compile(r"\{\{([^{}]*)\}\}")
_CHOSEN = re.compile(r"<<[a-z][a-z0-9_]{0,39}>>(?![\w.<-])")
_SHOWN = 60
_REPAIRS = "an agent may change the code of a step that failed, within its budget"


def foreign(content: Content) -> Content:
    """Return a template of somebody else as it is used here: its tasks are isolated at least at FOREIGN_LEVEL."""
    return content.model_copy(update={"min_isolation": max(FOREIGN_LEVEL, content.min_isolation)})


def hosts(content: Content) -> list[str]:
    """Return the hosts that are named in it; others are typed by whoever uses it."""
    whole = content.model_dump(mode="json", exclude={*_DESCRIBES, "form"})
    texts = json.dumps([whole, [one.default for one in content.form]], ensure_ascii=False)
    return sorted({found.lower().rstrip(".-_") for found in _URL.findall(texts)})


def named_outright(content: Content, root: str) -> list[str]:
    """Return what a template names of its team, though nobody has chosen it: of `secrets`, or of `team` values."""
    placed = [name for text in _texts(content.model_dump(mode="json")) for name in _placed(text, root)]
    chosen: list[str] = []
    if root == "secrets":
        listed = [[*(one.get("secrets") or ()), one.get("auth_secret") or ""] for _, _, one in content.parts]
        chosen = [name for names in listed for name in names if name and not FIXED.fullmatch(name)]
    return sorted({*placed, *chosen})


def _placed(text: str, root: str) -> Iterator[str]:
    """Yield what placeholders of a text name of `root`, but for a field of the form right behind it: `root.<<field>>`.

    A field in any other place of a placeholder could make a name of it when the template is used.
    """
    for inside in _PLACED.findall(text):
        for found in re.finditer(rf"\b{root}\b\s*\.?\s*", inside):
            if not _CHOSEN.match(inside, found.end()):
                yield re.split(r"[\s)|,]", inside[found.end() :], maxsplit=1)[0][:_SHOWN] or root
        if root == "secrets" and FIXED.search(re.sub(rf"\b{root}\s*\.\s*<<\w+>>(?![\w.<-])", "", inside)):
            yield inside.strip()[:_SHOWN]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)


def runs_code(content: Content) -> bool:
    """Whether it runs programs: those in it, or those that its agent writes."""
    return any(engine in _CODE or _CODE & set(settings.get("tools") or ()) for _, engine, settings in content.parts)


def asks(content: Content) -> list[tuple[str, str]]:
    """Return what it asks to be allowed: (what, in words)."""
    parts = [(engine, settings) for _, engine, settings in content.parts]
    packages = sorted({line for _, one in parts for line in _lines(one.get("requirements"))})
    tools = sorted({tool for _, one in parts for tool in one.get("tools") or ()})
    values = named_outright(content, "team")
    secrets = [one.label for one in content.form if one.kind == "secret"]
    from_web = any(one.get("source") == "web" for one in content.variables)
    network = from_web or any(reaches(engine, one) for engine, one in parts)
    return [
        ("It will", " ".join(permissions(content))),
        ("Hosts in it", ", ".join(hosts(content)) or "none"),
        ("Network", "yes" if network else "no"),
        ("Runs code", "yes, in the sandbox" if runs_code(content) else "no"),
        ("Secrets", ", ".join(secrets) + ": you choose them by name" if secrets else "none"),
        *([("Values of your team", ", ".join(values))] if values else []),
        ("Packages", ", ".join(packages) or "none"),
        ("Tools of an agent", ", ".join(tools) or "none"),
        *([("Repair", _REPAIRS)] if content.repair else []),
        *([("A model judges", "it reads the answer, which costs")] if _is_judged(content) else []),
    ]


def _is_judged(content: Content) -> bool:
    return any(one.get("kind") == "judge" for one in content.contract)


def trust(publisher: str, key: str, own_key: str, known: Collection[tuple[str, str]]) -> Trust:
    """Say whether who signs under a publisher's name is who did before; `known` are (publisher, key) seen here."""
    if key == own_key:
        return "own"
    keys = {seen for name, seen in known if name.casefold() == publisher.casefold()}
    return "known" if key in keys else "changed" if keys else "new"


def trust_words(trust: Trust, publisher: str) -> str:
    """Say the same in a sentence."""
    return {
        "own": "Signed by this installation.",
        "known": f"Signed with the key that {publisher} has used here before.",
        "new": f"Nothing of {publisher} was installed here before. Compare the fingerprint with the one they tell you.",
        "changed": f"{publisher} has signed with another key before. Whoever made this may be somebody else: ask them "
        "before you install it.",
    }[trust]


def diff(before: Content, after: Content) -> list[str]:
    """Return the lines of a unified diff of what two versions do, without what they say of themselves."""
    old, new = (_written(one) for one in (before, after))
    return list(difflib.unified_diff(old, new, "installed", "new", lineterm="", n=2))[:_MOST_LINES]


def newly_asked(before: Content, after: Content) -> list[str]:
    """Return what a version asks to be allowed that the one before it did not."""
    old = dict(asks(before))
    return [f"{what}: {words}" for what, words in asks(after) if words != old.get(what)]


def _written(content: Content) -> list[str]:
    whole = content.model_dump(mode="json", exclude={*_DESCRIBES})
    text = json.dumps(whole, ensure_ascii=False, indent=1, sort_keys=True)
    return [line for one in text.splitlines() for line in one.replace("\\n", "\n").splitlines()]


def _lines(requirements: Any) -> list[str]:
    lines = requirements.splitlines() if isinstance(requirements, str) else requirements or ()
    return [str(line).strip() for line in lines if str(line).strip()]
