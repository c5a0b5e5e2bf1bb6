"""Which channels may send now, so that nobody waits for the slow channels of others."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

MOST, OF_TEAM, OF_HOST = 32, 8, 16
"""Channels that are sent by at once from one process; of those one team, and one host, may hold so many."""

KEPT_FREE = 8
"""Of all places these are only for teams that hold none."""


@dataclass(frozen=True)
class Waiting:
    """A channel for which something is due, whose it is, and what it goes through: a host, or a kind of service;
    empty where that can't be told, which is then held back by its team alone.

    What concerns the installation and goes to people has no team.
    """

    channel: str
    team_id: int | None
    host: str


def turns(due: Sequence[Waiting], going: Sequence[Waiting]) -> list[Waiting]:
    """Return which of those that are due (the oldest first) may begin beside those that are going.

    Each place goes to the team that holds the fewest; between equals to the oldest.
    """
    teams, hosts = Counter(one.team_id for one in going), Counter(one.host for one in going)
    busy, chosen = {one.channel for one in going}, list[Waiting]()
    left = [one for one in due if one.channel not in busy]
    while (held := len(going) + len(chosen)) < MOST:
        most = OF_TEAM if held < MOST - KEPT_FREE else 1
        free = [one for one in left if teams[one.team_id] < most and (not one.host or hosts[one.host] < OF_HOST)]
        if not free:
            break
        following = min(free, key=lambda one: teams[one.team_id])
        left.remove(following)
        chosen.append(following)
        teams[following.team_id] += 1
        hosts[following.host] += 1
    return chosen
