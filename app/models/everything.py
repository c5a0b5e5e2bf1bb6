"""Every table, for migrations and tests."""

from app.infra import blobs
from app.models import instance, people, runs, tasks, teams

TABLES = (people, teams, tasks, runs, instance, blobs)
