"""Migrations of the tables; to load what runs them takes longer than to see that all have run, so it stands apart."""

from alembic import command
from alembic.config import Config

from app.infra.database import MIGRATIONS
from app.settings import Settings


def run(settings: Settings, revision: str = "head") -> None:
    """Bring the tables to a revision, the newest by default. Running it again changes nothing."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["url"] = settings.sql_url
    command.upgrade(config, revision)
