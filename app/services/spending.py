"""The ledger of budgets: what of each was spent and is reserved, changed in the transaction of the run. A helper.

Amounts are micros (money.MICROS). Each transaction gathers its moves and writes them last, in one order, so that two
of them never wait for each other in a circle, and nobody waits for long.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from statistics import median
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from app.domain import budgets, money
from app.domain.budgets import Pot
from app.domain.pings import LANE
from app.infra import database
from app.models.budgets import Budget, BudgetPeriod, ModelReading
from app.models.runs import IS_REAL, Alert, Run
from app.models.tasks import Task
from app.models.teams import Team
from app.services import alerting
from app.services.unit import Work

KIND, KIND_OUT = "budget", "budget_out"
"""Kinds of alerts: a share of a pot is spent; runs do not start for want of it."""

_TURNSTILE = 0x0CA1_1105

_LOOKED_AT = 20
"""So many of a task's last runs tell what one usually costs."""

_WORKED = ("succeeded", "degraded", "unmet")


def pass_singly(work: Work) -> None:
    """Let only one transaction at a time decide by what all of them take; SQLite has but one writer anyway.

    One turnstile for all teams and pools: a worker claims for several of them in one transaction, and with a lock for
    each, two workers could wait for each other in a circle.
    """
    if work.connection.dialect.name == "postgresql":
        work.connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_TURNSTILE)))
        work.now = database.now(work.connection)  # what is claimed now begins after all that was before it


def of_teams(connection: sa.Connection, team_ids: Collection[int]) -> Sequence[Any]:
    """Return the budgets of teams and of their tasks, and their plans, as rows of Budget."""
    return connection.execute(_BUDGETS, {"teams": list(team_ids)}).all()


def concern(rows: Iterable[Any], team_id: int, task_id: int | None) -> list[Any]:
    """Return those of the budgets that a run of the task counts in; without a task those of the whole team."""
    return [row for row in rows if row.team_id == team_id and row.task_id in {None, task_id}]


def pots(connection: sa.Connection, rows: Sequence[Any], at: datetime, work: Work | None = None) -> list[Pot]:
    """Return budgets as they stand in the period of `at`, with what `work` has moved and not written yet."""
    keys = {row.id: budgets.key_of(at, row.period, row.timezone) for row in rows}
    if not keys:
        return []
    places = sa.tuple_(BudgetPeriod.budget_id, BudgetPeriod.period).in_(list(keys.items()))
    query = sa.select(
        BudgetPeriod.budget_id, BudgetPeriod.spent_micros, BudgetPeriod.reserved_micros, BudgetPeriod.runs
    ).where(places)
    known = {budget_id: list(amounts) for budget_id, *amounts in connection.execute(query)}
    found = []
    for row in rows:
        moves = work.moves.get((row.id, keys[row.id])) if work else None
        spent, reserved, runs = (sum(two) for two in zip(known.get(row.id, _NOTHING), moves or _NOTHING, strict=True))
        whose = "plan" if row.is_plan else "team" if row.task_id is None else "task"
        found.append(
            Pot(row.id, whose, row.period, keys[row.id], row.limit_micros, row.limit_runs, spent, reserved, runs)  # type: ignore[arg-type]  # whose and period are words of a column
        )
    return found


def usual(connection: sa.Connection, task_ids: Collection[int]) -> dict[int, int]:
    """Return what a run of each task usually costs, for those that have ended runs: the median of the last ones."""
    found = {}
    for task_id in task_ids:
        costs = connection.execute(_LAST, {"task": task_id}).scalars().all()
        if costs:
            found[task_id] = round(median(costs))
    return found


# --- moves


def move(work: Work, rows: Iterable[Any], at: datetime, *, spent: int = 0, reserved: int = 0, runs: int = 0) -> None:
    """Change what the pots hold in the period of `at`, the first start of the run, when the transaction ends.

    Runs are counted only where a plan limits them.
    """
    for row in rows:
        key = (row.id, budgets.key_of(at, row.period, row.timezone))
        before = work.moves.setdefault(key, [0, 0, 0])
        more = (spent, reserved, runs if row.limit_runs is not None else 0)
        work.moves[key] = [had + change for had, change in zip(before, more, strict=True)]
    work.at_last(_write)


def _write(work: Work) -> None:
    adding = _ADD[work.connection.dialect.name]
    grown = []
    for (budget_id, period), (spent, reserved, runs) in sorted(work.moves.items()):
        if not (spent or reserved or runs):
            continue
        more = {"spent_micros": spent, "reserved_micros": reserved, "runs": runs}
        if min(reserved, runs) < 0:  # from a period that there is, unless the budget is newer than the run
            by = {f"more_{name}": amount for name, amount in more.items()}
            changed = work.connection.execute(_CHANGE, {"pot": budget_id, "key": period, **by})
        else:
            changed = work.connection.execute(adding, {"budget_id": budget_id, "period": period, "told": 0, **more})
        row = changed.first()
        if spent and row:
            grown.append((budget_id, period, row.spent_micros, row.told))
    work.moves.clear()
    for budget_id, period, spent, told in grown:
        _tell(work, budget_id, period, spent, told)


def _tell(work: Work, budget_id: int, period: str, spent: int, told: int) -> None:
    """Tell that a share is spent, if nobody has heard of it; the row of the period is locked, so it is told once."""
    row = work.connection.execute(_NAMED, {"budget": budget_id}).first()
    if row is None or not row.limit_micros or (step := budgets.reached(spent, row.limit_micros)) <= told:
        return
    work.connection.execute(
        sa.update(BudgetPeriod)
        .where(BudgetPeriod.budget_id == budget_id, BudgetPeriod.period == period)
        .values(told=step)
    )
    pot = Pot(row.id, "plan" if row.is_plan else "team", row.period, period, row.limit_micros, None, spent)
    sentence = budgets.told(pot, row.task or row.team, step)
    key = f"{KIND}:{budget_id}:{period}"
    if step == budgets.STEPS[0]:
        alerting.once(work, f"{key}:{step}", KIND, sentence, row.team_id, task_id=row.task_id)
        return
    alerting.end(work, f"{key}:{budgets.STEPS[1]}", "")
    alerting.begin(work, f"{key}:{step}", KIND, sentence, row.team_id, task_id=row.task_id)


def tell_out(work: Work, row: Any, pot: Pot, sentence: str) -> None:
    """Tell once for each pot and period that a run did not start for want of what is left of it."""
    key = f"{KIND_OUT}:{pot.id}:{pot.key}"
    alerting.begin(work, key, KIND_OUT, sentence, row.team_id, task_id=row.task_id)


# --- from the runs themselves


def counted(connection: sa.Connection, row: Any, key: str) -> tuple[int, int, int]:
    """Return what the runs of a period say: spent, reserved, and how many began (0 where no plan limits them).

    In a budget of a whole team count the threads as well that a model has read.
    """
    start, end = budgets.bounds(key, row.timezone)
    within = [Run.team_id == row.team_id, Run.started_at >= start, Run.started_at < end]
    if row.task_id is not None:
        within.append(Run.task_id == row.task_id)
    spent = sa.select(sa.func.sum(Run.cost_micros)).where(Run.cost_micros.is_not(None), *within)
    held = sa.select(sa.func.sum(Run.reserved_micros))
    held = held.where(Run.state == "running", Run.reserved_micros.is_not(None), *within)
    runs = sa.select(sa.func.count()).select_from(Run).where(*within, Run.lane != LANE)
    begun = connection.execute(runs).scalar_one() if row.limit_runs is not None else 0
    amounts = [connection.execute(query).scalar_one() or 0 for query in (spent, held)]
    if row.task_id is None:
        read = sa.select(sa.func.sum(ModelReading.cost_micros), sa.func.sum(ModelReading.reserved_micros))
        within = [ModelReading.team_id == row.team_id, ModelReading.at >= start, ModelReading.at < end]
        more = connection.execute(read.where(*within)).one()
        amounts = [amount + int(one or 0) for amount, one in zip(amounts, more, strict=True)]
    return amounts[0], amounts[1], begun


# --- setting them


def put(
    work: Work, team_id: int, task_id: int | None, period: str, limit_micros: int | None, timezone: str, *,
    limit_runs: int | None = None, is_plan: bool = False,
) -> None:  # fmt: skip
    """Set or change a budget; with neither limit it is removed. What the present period has cost so far counts."""
    same = (Budget.team_id == team_id, Budget.period == period, Budget.is_plan == is_plan)
    is_it = (*same, Budget.task_id.is_(None) if task_id is None else Budget.task_id == task_id)
    row = work.connection.execute(sa.select(Budget.id, Budget.timezone).where(*is_it).with_for_update()).first()
    if limit_micros is None and limit_runs is None:
        if row:
            work.connection.execute(sa.delete(Budget).where(Budget.id == row.id))
            work.connection.execute(sa.delete(BudgetPeriod).where(BudgetPeriod.budget_id == row.id))
            end_alerts(work, row.id, "There is no such limit any more.")
        return
    values = {"limit_micros": limit_micros, "limit_runs": limit_runs, "timezone": timezone, "changed_at": work.now}
    own = {"team_id": team_id, "task_id": task_id, "period": period, "is_plan": is_plan, "created_at": work.now}
    changed = sa.update(Budget).where(Budget.id == row.id).values(values).returning(*_COLUMNS) if row else None
    added = sa.insert(Budget).values(own | values).returning(*_COLUMNS)
    found = work.connection.execute(added if changed is None else changed).one()
    _recount(work, found)
    said = f"It is {money.said(limit_micros)} now." if limit_micros is not None else "The plan has changed."
    end_alerts(work, found.id, said)


def _recount(work: Work, row: Any) -> None:
    """Put on the ledger what the runs of the present period have cost; of what is spent already nobody is told."""
    key = budgets.key_of(work.now, row.period, row.timezone)
    values = {"spent_micros": 0, "reserved_micros": 0, "runs": 0, "told": 0}
    # Its row is locked before it is counted: what costs something meanwhile is added after that.
    work.connection.execute(_ADD[work.connection.dialect.name], {"budget_id": row.id, "period": key, **values})
    spent, reserved, runs = counted(work.connection, row, key)
    told = budgets.reached(spent, row.limit_micros) if row.limit_micros else 0
    values = {"spent_micros": spent, "reserved_micros": reserved, "runs": runs, "told": told}
    is_it = (BudgetPeriod.budget_id == row.id, BudgetPeriod.period == key)
    work.connection.execute(sa.update(BudgetPeriod).where(*is_it).values(values))


def end_alerts(work: Work, budget_id: int, recovery: str, but: str = "") -> None:
    """End the alerts of a budget, but those of one period."""
    of_it = sa.or_(*(Alert.key.startswith(f"{kind}:{budget_id}:", autoescape=True) for kind in (KIND, KIND_OUT)))
    keys = work.connection.execute(sa.select(Alert.key).where(of_it, Alert.ended_at.is_(None))).scalars().all()
    for key in keys:
        if key.split(":")[2] != but:
            alerting.end(work, key, recovery)


# --- built once

_NOTHING = (0, 0, 0)
_COLUMNS = (
    Budget.id, Budget.team_id, Budget.task_id, Budget.is_plan, Budget.period, Budget.limit_micros, Budget.limit_runs,
    Budget.timezone,
)  # fmt: skip
_BUDGETS = sa.select(*_COLUMNS).where(Budget.team_id.in_(sa.bindparam("teams", expanding=True))).order_by(Budget.id)
_LAST = (
    sa.select(sa.func.coalesce(Run.cost_micros, 0))
    .where(Run.task_id == sa.bindparam("task"), Run.started_at.is_not(None), Run.ended_at.is_not(None), IS_REAL)
    .where(sa.or_(Run.state.in_(_WORKED), Run.cost_micros > 0))  # what failed before it cost anything tells nothing
    .order_by(Run.planned_at.desc(), Run.id.desc())
    .limit(_LOOKED_AT)
)
_NAMED = (
    sa.select(
        Budget.id, Budget.team_id, Budget.task_id, Budget.is_plan, Budget.period, Budget.limit_micros,
        Team.name.label("team"), Task.name.label("task"),
    )
    .join(Team, Team.id == Budget.team_id)
    .outerjoin(Task, Task.id == Budget.task_id)
    .where(Budget.id == sa.bindparam("budget"))
)  # fmt: skip


def _adding(insert_into: Any) -> Any:
    adding = insert_into(BudgetPeriod)
    own = BudgetPeriod.__table__.c
    more = {name: own[name] + adding.excluded[name] for name in _MORE}
    adding = adding.on_conflict_do_update(index_elements=["budget_id", "period"], set_=more)
    return adding.returning(BudgetPeriod.spent_micros, BudgetPeriod.told)


_MORE = ("spent_micros", "reserved_micros", "runs")
_CHANGE = (
    sa.update(BudgetPeriod)
    .where(BudgetPeriod.budget_id == sa.bindparam("pot"), BudgetPeriod.period == sa.bindparam("key"))
    .values({name: getattr(BudgetPeriod, name) + sa.bindparam(f"more_{name}") for name in _MORE})
    .returning(BudgetPeriod.spent_micros, BudgetPeriod.told)
)
_ADD: dict[str, Any] = {"sqlite": _adding(sqlite.insert), "postgresql": _adding(postgresql.insert)}
