"""The door of runs: one queued attempt is claimed and carried out in this worker process."""

from dataclasses import dataclass
from functools import partial

import structlog

from app.infra.writer import Writer
from app.services.execution.claims import claim
from app.services.execution.perform import Tools, perform
from app.services.unit import Work
from jobs.keeper import Keeper

log = structlog.get_logger()


@dataclass(frozen=True)
class Here:
    """What the worker of this process lends to its runs."""

    keeper: Keeper
    tools: Tools

    @property
    def writer(self) -> Writer[Work]:
        """The one thread that writes for all of them."""
        return self.tools.writer


_here: list[Here] = []


def work_here(here: Here) -> None:
    """Say which worker this process is."""
    _here[:] = [here]


def execute(run_id: int, attempt: int) -> bool:
    """Claim a queued attempt and carry it out; False when another worker has it, or it is no longer queued."""
    here = _here[0]
    wanted = partial(claim, wanted=[(run_id, attempt)], worker=here.keeper.worker, lease=here.keeper.lease)
    claimed = here.writer.do(wanted)
    if not claimed:
        log.info("already_claimed", run=run_id, attempt=attempt)
        return False
    with here.keeper.holding(claimed[0]) as cancellation:
        perform(claimed[0], here.tools, cancellation)
    return True
