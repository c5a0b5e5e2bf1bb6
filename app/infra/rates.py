"""Calls a minute, counted for all workers together in Redis; without Redis nothing is held back."""

import uuid

from app.infra import redis

_TAKE = """
local now = redis.call('TIME')
local ms = now[1] * 1000 + math.floor(now[2] / 1000)
local requests, tokens, wanted = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ms - 60000)
local calls = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
local count, sum, free = #calls / 2, 0, 0
for place = 1, #calls, 2 do sum = sum + tonumber(string.match(calls[place], '^%d+')) end
for place = 1, #calls, 2 do
    local fits = (requests == 0 or count < requests) and (tokens == 0 or count == 0 or sum + wanted <= tokens)
    if fits then break end
    count, sum = count - 1, sum - tonumber(string.match(calls[place], '^%d+'))
    free = calls[place + 1] + 60000 - ms
end
if free > 0 then return free end
redis.call('ZADD', KEYS[1], ms, string.format('%d', wanted) .. ':' .. ARGV[1])
redis.call('PEXPIRE', KEYS[1], 61000)
return 0
"""
"""One step, whoever else asks: forget what is older than a minute, then add this call, or say how long to wait."""


def take(name: str, requests: int, tokens: int, wanted: int) -> float:
    """Count a call of `wanted` tokens, or return after how many seconds to ask again; 0.0: it may go now.

    At most `requests` calls, and `tokens` in all, in any minute; 0 is no limit. A call that is larger than the limit
    goes alone.
    """
    try:
        wait = redis.client().eval(_TAKE, 1, f"carillon:rate:{name}", uuid.uuid4().hex, requests, tokens, wanted)
    except (*redis.Away, OSError):
        return 0.0
    return int(wait) / 1000
