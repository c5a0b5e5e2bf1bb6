"""What web, clock and worker make sure of before they start: the right key, and tables of this version."""

import sqlalchemy as sa

from app import bootstrap
from app.infra import database
from app.services import keys
from app.settings import SettingError, Settings


def refuse_if_not(settings: Settings) -> None:
    """Raise SettingError when this process must not touch the data. A database that is away may come back."""
    app = bootstrap.start(settings)
    with app.app_context():
        try:
            if not database.is_current():
                raise SettingError("The database is not at this version. Run ./carillon migrate first.")
            keys.check(app.extensions["vault"])
        except sa.exc.DBAPIError:
            return
        finally:
            database.dispose()
