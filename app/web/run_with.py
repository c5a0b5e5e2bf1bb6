"""Run now with values typed for this run: a form of the task's variables, filled in as they would be now."""

from dataclasses import dataclass

from flask import Blueprint, g, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.core.clock import utc_now
from app.domain import variables
from app.domain.variables import Variable
from app.services import runs, tasks
from app.services.tasks import ahead
from app.services.tasks.ahead import Seen
from app.web.forms import NO_ERRORS, Errors, shown_by
from app.web.guard import guard
from app.web.render import page

blueprint = Blueprint("run_with", __name__, url_prefix="/t/<team>")

_TYPES = {"date": "date", "email": "email", "url": "url"}
_LONG = 80


@dataclass(frozen=True)
class Input:
    """One variable as a field: `now` is what it would be without typing anything."""

    variable: Variable
    seen: Seen

    name = property(lambda self: self.variable.name)
    kind = property(lambda self: self.variable.kind)
    title = property(lambda self: self.variable.title)
    is_required = property(lambda self: self.variable.is_required)
    now = property(lambda self: self.seen.text)

    @property
    def type(self) -> str:
        """The type of its field."""
        return _TYPES.get(self.variable.kind, "text")

    @property
    def is_long(self) -> bool:
        """Whether it is a text of more than a line."""
        return self.variable.kind == "text" and ("\n" in self.seen.text or len(self.seen.text) > _LONG)

    @property
    def hint(self) -> str:
        """What helps to fill it in."""
        said = (self.variable.help, self.seen.problem, self.seen.note, "" if self.is_required else "May be empty.")
        return " ".join(filter(None, said))

    @property
    def choices(self) -> list[tuple[str, str]]:
        """What there is to choose from."""
        return [(option, option) for option in self.variable.options]


@blueprint.get("/tasks/<slug>/run")
@guard("run")
def form(slug: str, errors: Errors = NO_ERRORS) -> str:
    """Ask for the values of one run."""
    task = tasks.find(g.actor, slug)
    definition = tasks.definition(task)
    seen = ahead.look(g.actor, definition, utc_now(), task.id).by_name
    inputs = [Input(one, seen[one.name]) for one in variables.all_of(definition)]
    labels = {f"input-{one.name}": one.title for one in inputs}
    return page("tasks/run_with.html", task=task, inputs=inputs, labels=labels, errors=errors)


@blueprint.post("/tasks/<slug>/run")
@guard("run")
@shown_by(form)
def start(slug: str) -> AnyResponse:
    """Run a task now with what was typed; what was left as it stood there counts as the task has it."""
    task = tasks.find(g.actor, slug)
    sent = {name.removeprefix("input-"): text for name, text in request.form.items() if name.startswith("input-")}
    inputs = {name: text for name, text in sent.items() if text != request.form.get(f"was-{name}")}
    number = runs.start(g.actor, task.id, inputs=inputs)
    return redirect(url_for("runs.show", number=number), 303)
