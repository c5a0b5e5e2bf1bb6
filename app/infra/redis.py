"""Redis: one pool a process. It holds the queue and rings bells; all of it can be rebuilt from SQL."""

from itertools import islice
from pathlib import Path

import redis
from redis.backoff import ExponentialBackoff
from redis.client import PubSub
from redis.retry import Retry

from app.core.errors import Unavailable
from app.settings import Settings

Away = (redis.ConnectionError, redis.TimeoutError, redis.exceptions.ResponseError)
"""What any call may raise while Redis is away, full or loading; every caller goes on without it."""

BELL = "carillon:bell"  # a run changed: "<team id>:<run id>"; who may look changed: "0:<person id>"
CLOCK = "carillon:clock"  # a schedule became the earliest
STOP = "carillon:stop"  # a run is to stop: "<run id>"
EPOCH = "carillon:epoch"  # gone or different: Redis was wiped

LONGEST_WAIT_SECONDS = 5

_pools: dict[str, redis.ConnectionPool] = {}
_address: list[str] = []


def attach(settings: Settings) -> None:
    """Remember where Redis is; nothing is connected yet, so that it survives a fork."""
    _address[:] = [settings.redis_url or _left_by_supervisor(settings.redis_address_file)]
    _pools.clear()


def _left_by_supervisor(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return "unix:///nonexistent/carillon.sock"


def address() -> str:
    """Return where Redis is. Raises Unavailable before `attach`."""
    if not _address:
        raise Unavailable("Redis is not configured in this process.")
    return _address[0]


def client() -> "redis.Redis":
    """Return the process's client. Commands are retried once at once, then the caller is told."""
    place = address()
    if place not in _pools:
        _pools[place] = redis.ConnectionPool.from_url(
            place,
            socket_timeout=5,
            socket_connect_timeout=2,
            retry=Retry(ExponentialBackoff(cap=0.1, base=0.02), 1),
            max_connections=512,
        )
    return redis.Redis(connection_pool=_pools[place])


def blocking_client() -> "redis.Redis":
    """Return a client of its own for calls that wait, at most LONGEST_WAIT_SECONDS; it is never retried in silence."""
    never = Retry(ExponentialBackoff(cap=0.1, base=0.02), 0)
    # A server that is cut off answers nothing for ever: behind the longest wait there is an end.
    return redis.Redis.from_url(
        _address[0], socket_timeout=2 * LONGEST_WAIT_SECONDS, socket_connect_timeout=2, retry=never
    )


def listen(channel: str) -> PubSub:
    """Return a subscription on a connection of its own; what is published from now on is heard."""
    pubsub: PubSub = blocking_client().pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]  # redis-py's own
    pubsub.subscribe(channel)
    return pubsub


def is_here() -> bool:
    """Whether Redis answers now."""
    try:
        return bool(client().ping())
    except (*Away, OSError):
        return False


def answers(seconds: float = 1.0) -> bool:
    """Whether Redis answers a new connection within so many seconds, whatever the pool holds."""
    never = Retry(ExponentialBackoff(cap=0.1, base=0.02), 0)
    client = redis.Redis.from_url(address(), socket_timeout=seconds, socket_connect_timeout=seconds, retry=never)
    try:
        return bool(client.ping())
    except (*Away, OSError):
        return False
    finally:
        client.close()


def empty() -> None:
    """Remove all that is ours: queues, jobs, periodic jobs, the epoch. Raises what redis-py raises."""
    here = client()
    for pattern in ("rq:*", "carillon:*"):
        found = here.scan_iter(pattern, count=1000)
        while keys := list(islice(found, 1000)):
            here.unlink(*keys)


def tell(channel: str, *messages: str) -> None:
    """Publish messages if Redis is here; whoever listens looks into SQL now and then anyway."""
    try:
        pipeline = client().pipeline(transaction=False)
        for message in messages:
            pipeline.publish(channel, message)
        pipeline.execute()
    except (*Away, OSError):
        return
