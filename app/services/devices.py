"""Devices of people, pushed to while no page is open, and the key that says which installation sends."""

import base64
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import sqlalchemy as sa

from app.channels.base import Channel, Message, NotSent
from app.channels.push import Device as Reached
from app.channels.push import Push, Sender, Sent
from app.core.clock import utc_now
from app.core.errors import Conflict, Invalid, NotFound, Unavailable
from app.infra import database, fetch, webpush
from app.infra.addresses import Failure, read_target, refuse_plain
from app.infra.vault import Vault, WrongKey
from app.models.instance import Fact
from app.models.push import Device
from app.models.telling import Notification
from app.services.unit import Work, batch

MOST = 20
"""Devices of a person."""

LONGEST_NAME = 60

_FACT, _AAD, _NOBODY = "push_key", "0|facts|push_key|value|1", 0
_AT_ONCE = threading.BoundedSemaphore(2)
"""Tests under way in this process: each holds one of the threads of pages."""

_LONGEST_ENDPOINT = 1000
_LOOK_UP_SECONDS = 3.0
_WRONG = "This browser did not say how to reach it. Reload the page, then turn notifications on again."
_TEST = "This is a test: notifications reach this device."


@dataclass(frozen=True)
class Given:
    """What a browser says of itself when it is to take notifications; keys as base64url."""

    endpoint: str
    public_key: str
    auth: str
    name: str


@dataclass(frozen=True)
class Tested:
    """What became of a test message: what the push service answered."""

    is_sent: bool
    said: str


# --- the key of this installation


def public_key(vault: Vault) -> str:
    """Return the key by which browsers know this installation; it is made when it is first asked for."""
    return str(_key(vault)["public"])


def _private_key(vault: Vault) -> bytes:
    value = _key(vault)
    return vault.unseal_bytes(base64.b64decode(value["data_key"]), base64.b64decode(value["sealed"]), _AAD)


def _key(vault: Vault) -> dict[str, str]:
    if found := _kept_key():
        return found
    new, data_key = webpush.new_key(), vault.new_data_key(_NOBODY)
    value = {
        "data_key": base64.b64encode(data_key).decode(),
        "sealed": base64.b64encode(vault.seal(data_key, new, _AAD)).decode(),
        "public": webpush.public_of(new),
    }
    try:
        with batch() as work:
            work.connection.execute(sa.insert(Fact).values(name=_FACT, value=value, at=work.now))
    except sa.exc.IntegrityError:  # another process was first: its key is the one
        return _kept_key() or value
    return value


def _kept_key() -> dict[str, str] | None:
    with database.read() as connection:
        found: dict[str, str] | None = connection.execute(sa.select(Fact.value).where(Fact.name == _FACT)).scalar()
    return found


# --- somebody's devices


def of(person_id: int) -> Sequence[Device]:
    """Return the devices of a person, the oldest first."""
    with database.read() as connection:
        rows = connection.execute(sa.select(Device.__table__).where(Device.person_id == person_id).order_by(Device.id))
        return [Device(**row) for row in rows.mappings()]


def add(person_id: int, sign_in_id: int | None, given: Given) -> int:
    """Let a browser take notifications from now on; returns the device's id. Raises Invalid, Conflict.

    A browser that is known keeps its name, and belongs to whoever asked last: it is never told what another one is.
    """
    browser = _browser(given)
    name = " ".join(given.name.split())[:LONGEST_NAME] or "A browser"
    with batch() as work:
        mine = Device.person_id == person_id
        known = work.connection.execute(sa.select(Device.id, mine).where(Device.endpoint == browser.endpoint)).first()
        if not known and (work.connection.scalar(sa.select(sa.func.count()).where(mine)) or 0) >= MOST:
            raise Conflict(f"You have {MOST} devices. Remove one that you no longer use first.")
        values = {
            "person_id": person_id, "sign_in_id": sign_in_id, "public_key": browser.public, "auth": browser.auth,
            "problem": "",
        }  # fmt: skip
        if known:
            fresh = {} if known[1] else {"name": name, "created_at": work.now, "told_at": None}
            work.connection.execute(sa.update(Device).where(Device.id == known.id).values(values | fresh))
            return int(known.id)
        row = values | {"endpoint": browser.endpoint, "name": name, "created_at": work.now}
        return int(work.connection.execute(sa.insert(Device).values(row).returning(Device.id)).scalar_one())


def rename(person_id: int, device_id: int, name: str) -> None:
    """Change the name of a device. Raises Invalid, NotFound."""
    with batch() as work:
        _find(work, person_id, device_id)
        name = " ".join(name.split())
        if not 0 < len(name) <= LONGEST_NAME:
            raise Invalid({"name": f"Type a name of 1 to {LONGEST_NAME} letters."})
        work.connection.execute(sa.update(Device).where(Device.id == device_id).values(name=name))


def remove(person_id: int, device_id: int) -> None:
    """Tell a device nothing any more. Raises NotFound."""
    with batch() as work:
        _find(work, person_id, device_id)
        work.connection.execute(sa.delete(Device).where(Device.id == device_id))


def seen(person_id: int, sign_in_id: int, endpoint: str) -> bool:
    """Note in which sign-in a browser is used now; whether it is a device of this person.

    One of somebody else is told nothing more: another person sits before it.
    """
    with batch() as work:
        is_it = Device.endpoint == endpoint
        note = sa.update(Device).where(is_it, Device.person_id == person_id).values(sign_in_id=sign_in_id)
        if work.connection.execute(note).rowcount:
            return True
        work.connection.execute(sa.delete(Device).where(is_it))
    return False


def _find(work: Work, person_id: int, device_id: int) -> None:
    query = sa.select(Device.id).where(Device.id == device_id, Device.person_id == person_id)
    if not work.connection.execute(query).first():
        raise NotFound


def _browser(given: Given) -> webpush.Browser:
    """Take apart what a browser said. Its push service stands on the internet: an inner address is refused."""
    try:
        public, auth = webpush.decoded(given.public_key), webpush.decoded(given.auth)
    except ValueError:
        public, auth = b"", b""
    is_whole = webpush.is_public_key(public) and len(auth) == webpush.AUTH_BYTES
    if not is_whole or len(given.endpoint) > _LONGEST_ENDPOINT:
        raise Invalid({"endpoint": _WRONG})
    try:
        target = read_target(given.endpoint)
        refuse_plain(target, fetch.guard().addresses(target, _LOOK_UP_SECONDS, Future()))
    except Failure as failure:
        if failure.reason in {"address", "inner_address"}:
            raise Invalid({"endpoint": failure.message}) from None
    return webpush.Browser(given.endpoint, public, auth)


# --- sending


def opened(vault: Vault, person_id: int, home: str) -> Channel:
    """Return the channel to all devices of a person. `home` is the address of the pages. Raises NotSent."""
    try:
        return _channel(vault, of(person_id), person_id, home)
    except WrongKey as error:
        raise NotSent(error.message) from error


def test(vault: Vault, person_id: int, device_id: int, home: str) -> Tested:
    """Send a test to one device, and return what its push service answered.

    Raises NotFound, WrongKey, and Unavailable while others are tested.
    """
    device = next((one for one in of(person_id) if one.id == device_id), None)
    if device is None:
        raise NotFound
    now = utc_now()
    message = Message(f"test-{device_id}-{now:%H%M%S}", "test", _TEST, "", f"{home}/me/devices", now)
    if not _AT_ONCE.acquire(blocking=False):
        raise Unavailable("Other tests are under way. Try again in a moment.")
    try:
        is_sent, said = True, _channel(vault, [device], person_id, home).send(message)
    except NotSent as refusal:
        is_sent, said = False, refusal.message
    finally:
        _AT_ONCE.release()
    return Tested(is_sent, f"{said.rstrip('.')}.")


def _channel(vault: Vault, devices: Sequence[Device], person_id: int, home: str) -> Channel:
    contact = home if home.startswith("https://") else "mailto:carillon@localhost"
    with database.read() as connection:
        unread = sa.select(sa.func.count()).where(Notification.person_id == person_id, Notification.read_at.is_(None))
        sender = Sender(_private_key(vault), contact, connection.scalar(unread) or 0)
    reached = [Reached(one.id, one.name, webpush.Browser(one.endpoint, one.public_key, one.auth)) for one in devices]
    return Push(sender, reached, _note)


def _note(results: Sequence[Sent]) -> None:
    """Keep what became of a message at each device; one that its push service does not know any more is forgotten."""
    with batch() as work:
        for one in results:
            is_it = (Device.id == one.device.id, Device.endpoint == one.device.browser.endpoint)
            if one.is_gone:
                work.connection.execute(sa.delete(Device).where(*is_it))
            else:
                values = {"problem": "", "told_at": work.now} if one.is_sent else {"problem": one.said[:300]}
                work.connection.execute(sa.update(Device).where(*is_it).values(values))
