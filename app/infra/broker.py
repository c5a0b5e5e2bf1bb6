"""The bell that tells open pages to look again, as an event loop hears it."""

import asyncio
from collections.abc import AsyncIterator

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from app.infra.redis import BELL, Away, address

EVERYTHING = ""
"""Rung when bells may have been missed, and every two seconds while Redis is away."""

_AWAY_SECONDS = 2.0


async def bells() -> AsyncIterator[str]:
    """Yield, for ever, what was rung ("<team id>:<run id>"), or EVERYTHING."""
    while True:
        try:
            async with _client() as client, client.pubsub(ignore_subscribe_messages=True) as bell:
                await bell.subscribe(BELL)
                yield EVERYTHING
                async for message in bell.listen():
                    yield message["data"]
        except (*Away, OSError):
            yield EVERYTHING
            await asyncio.sleep(_AWAY_SECONDS)


def _client() -> redis.asyncio.Redis:
    # No retries of its own: it would subscribe again in silence, and what was rung meanwhile would be lost.
    retry = Retry(NoBackoff(), 0)
    return redis.asyncio.Redis.from_url(
        address(), socket_connect_timeout=2, socket_timeout=None, decode_responses=True, retry=retry
    )
