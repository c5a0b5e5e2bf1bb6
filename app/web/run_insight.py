"""What can be done about a run from its page: where, and by one press."""

from dataclasses import dataclass

from flask import url_for

from app.domain.access import Action
from app.domain.insight import Insight
from app.services.runs import Detail, insight
from app.services.tasks import remedies


@dataclass(frozen=True)
class Way:
    """A page on which something can be done about it, what is done there, and the right that needs."""

    label: str
    url: str
    right: Action


def way(detail: Detail, found: Insight) -> Way | None:
    """Return the page on which something can be done about it."""
    run = detail.run
    match found.way:
        case "task":
            return Way("Edit the task", url_for("editor.edit", slug=run.task.slug), "edit")
        case "secrets":
            return _secrets(detail)
        case "workers":
            return Way("See the workers", url_for("settings.workers_page"), "see")
        case "models":
            return Way("Open the models", url_for("models.index"), "manage")
        case "budgets":
            return Way("See the budgets", url_for("budgets.index"), "see")
        case _:
            return None


def _secrets(detail: Detail) -> Way:
    name = insight.trouble(detail).target
    if not name or detail.run.reason not in {"no_secret", "secret"}:
        return Way("Open the secrets", url_for("settings.secrets_page"), "manage")
    return Way(f"Set the secret {name}", url_for("settings.secrets_page", name=name), "manage")


def press(detail: Detail) -> str:
    """Return what one press changes of the task, "" where nothing can be changed like that."""
    change = remedies.offered(detail.run, detail.told)
    return change.label if change else ""
