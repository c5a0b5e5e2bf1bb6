"""Every table, for migrations and tests."""

from app.infra import blobs
from app.models import budgets, feeds, instance, library, people, planning, runs, tasks, teams, threads

TABLES = (people, teams, tasks, runs, instance, threads, library, budgets, feeds, planning, blobs)
