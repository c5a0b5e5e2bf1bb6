"""The key with which this installation signs templates: made once, sealed by the vault, the same on all its hosts."""

import base64

import sqlalchemy as sa

from app.infra import bundles
from app.infra.database import db
from app.infra.vault import Vault
from app.models.instance import Fact
from app.services.unit import unit

_NAME = "signing_key"
_AAD = "0|facts|signing_key|value|1"
_NOBODY = 0
"""The team a key belongs to that is no team's."""


def seed(vault: Vault) -> bytes:
    """Return the seed of the key; it is made when it is first asked for. Raises WrongKey."""
    value = _fact(vault)
    return vault.unseal_bytes(base64.b64decode(value["data_key"]), base64.b64decode(value["sealed"]), _AAD)


def public(vault: Vault) -> str:
    """Return the public key, as others put it into their settings."""
    return str(_fact(vault)["public"])


def fingerprint(key: str) -> str:
    """Return a public key for people to compare."""
    return bundles.fingerprint(key)


def _fact(vault: Vault) -> dict[str, str]:
    fact = db.session.get(Fact, _NAME)
    if fact is not None:
        return fact.value
    new, data_key = bundles.new_seed(), vault.new_data_key(_NOBODY)
    value = {
        "data_key": base64.b64encode(data_key).decode(),
        "sealed": base64.b64encode(vault.seal(data_key, new, _AAD)).decode(),
        "public": bundles.public_key(new),
    }
    try:
        with unit() as work:
            work.session.add(Fact(name=_NAME, value=value, at=work.now))
    except sa.exc.IntegrityError:  # another process was first: its key is the one
        return db.session.get_one(Fact, _NAME).value
    return value
