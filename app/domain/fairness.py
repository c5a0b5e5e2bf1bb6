"""Whose turn it is: between teams the one with the fewest runs under way, within a team the one that ranks first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import heapify, heappop, heappush


@dataclass(frozen=True)
class Place:
    """A queued run and its rank: the earlier is served first."""

    rank_at: datetime
    run_id: int


def turns(running: Mapping[int, int], queued: Mapping[int, Sequence[Place]], count: int) -> list[int]:
    """Return the ids of the `count` runs whose turn it is, the first first.

    `running` is how many runs each team has under way, `queued` its runs in the order of their ranks. This is max-min
    fairness: each slot goes to the team that has the fewest; between equals the earlier rank decides.
    """
    teams = [(running.get(team, 0), places[0].rank_at, team, 0) for team, places in queued.items() if places]
    heapify(teams)
    chosen: list[int] = []
    while teams and len(chosen) < count:
        has, _, team, place = heappop(teams)
        chosen.append(queued[team][place].run_id)
        if place + 1 < len(queued[team]):
            heappush(teams, (has + 1, queued[team][place + 1].rank_at, team, place + 1))
    return chosen
