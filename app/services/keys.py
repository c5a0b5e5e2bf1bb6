"""The master key: it must be the one that sealed this data."""

from app.core.clock import utc_now
from app.infra.database import db
from app.infra.vault import Vault
from app.models.instance import Fact
from app.services.unit import unit
from app.settings import SettingError

_CANARY = "vault"


def check(vault: Vault) -> None:
    """Remember on the first start which key seals this data; refuse another one ever after. Raises SettingError."""
    fact = db.session.get(Fact, _CANARY)
    if fact is None:
        with unit() as work:
            work.session.add(Fact(name=_CANARY, value={"sealed": vault.canary()}, at=utc_now()))
    elif not vault.knows(fact.value["sealed"]):
        raise SettingError("The key file is not the key of this data. Put the right one back from your backup.")
