"""Every table, for migrations and tests."""

from app.infra import blobs
from app.models import instance, library, people, runs, tasks, teams, threads

TABLES = (people, teams, tasks, runs, instance, threads, library, blobs)
