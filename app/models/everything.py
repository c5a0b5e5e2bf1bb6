"""Every table, for migrations and tests."""

from app.infra import blobs
from app.models import (
    budgets,
    feeds,
    instance,
    library,
    people,
    planning,
    push,
    rollups,
    runs,
    tasks,
    teams,
    telling,
    threads,
    walls,
    webhooks,
)

TABLES = (
    people, teams, tasks, runs, instance, threads, library, budgets, feeds, planning, telling, webhooks, rollups, walls,
    push, blobs,
)  # fmt: skip
