"""The door of runs: one queued attempt is claimed and carried out in this worker process."""

from collections.abc import Callable
from concurrent.futures import CancelledError, Executor, Future
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

import structlog
from flask import Flask

from app.domain.reporting import Order
from app.engines.base import Outcome
from app.infra.writer import Writer
from app.services.execution.claims import Claim, claim
from app.services.execution.perform import Tools, is_async, perform, perform_async
from app.services.insights import reports
from app.services.unit import Work
from jobs.keeper import Keeper
from jobs.loop import Loop

log = structlog.get_logger()


@dataclass(frozen=True)
class Here:
    """What the worker of this process lends to its runs."""

    keeper: Keeper
    tools: Tools
    loop: Loop = field(default_factory=Loop)

    @property
    def writer(self) -> Writer[Work]:
        """The one thread that writes for all of them."""
        return self.tools.writer


_here: list[Here] = []


def work_here(here: Here) -> None:
    """Say which worker this process is."""
    _here[:] = [here]


def report(app: Flask, run_id: int, meant_for: datetime) -> Order | Outcome:
    """Look up what a run that makes a report is to tell, through a session of its own."""
    with app.app_context():
        return reports.order(run_id, meant_for)


def execute(run_id: int, attempt: int) -> bool:
    """Claim a queued attempt and carry it out; False when another worker has it, or it is no longer queued."""
    here = _here[0]
    claimed = here.writer.do(_wanted(here, [(run_id, attempt)]))
    if not claimed:
        log.info("already_claimed", run=run_id, attempt=attempt)
        return False
    _carry_out(here, claimed[0])
    return True


def begin(
    wanted: list[tuple[int, int]], lane: str, slots: Executor, *, is_behind: bool = False
) -> "list[Future[None]]":
    """Claim as many runs of a lane as there are calls, and carry them out without waiting for anything.

    `wanted` are the run ids and attempts of the calls; `services.execution.claims.claim` says which runs they stand
    for. No thread is held for an attempt that only waits.
    """
    here, ended = _here[0], [Future[None]() for _ in wanted]
    here.writer.submit(_wanted(here, wanted, lane=lane, is_behind=is_behind)).add_done_callback(
        partial(_claimed, here, slots, ended)
    )
    return ended


def _wanted(here: Here, wanted: list[tuple[int, int]], **how: Any) -> Callable[[Work], list[Claim]]:
    return partial(claim, wanted=wanted, worker=here.keeper.worker, lease=here.keeper.lease, **how)


def _claimed(here: Here, slots: Executor, ended: "list[Future[None]]", claimed: "Future[list[Claim]]") -> None:
    """Go on with what was claimed; this is called on the writer's thread, which must not wait."""
    left = list(ended)
    try:
        for held in claimed.result():
            _started(here, slots, held).add_done_callback(partial(_hand_on, left[-1]))
            left.pop()
    except BaseException as error:  # noqa: BLE001 also that the writer has ended: the lane waits for an answer
        for one in left:
            one.set_exception(error)
        return
    for one in left:
        log.info("already_claimed")
        one.set_result(None)


def _started(here: Here, slots: Executor, held: Claim) -> "Future[None]":
    return here.loop.start(_go_on(here, held)) if is_async(held) else slots.submit(_carry_out, here, held)


def _hand_on(ended: "Future[None]", going: "Future[None]") -> None:
    error = CancelledError() if going.cancelled() else going.exception()
    if error:
        ended.set_exception(error)
    else:
        ended.set_result(None)


def _carry_out(here: Here, held: Claim) -> None:
    with here.keeper.holding(held) as cancellation:
        perform(held, here.tools, cancellation)


async def _go_on(here: Here, held: Claim) -> None:
    with here.keeper.holding(held) as cancellation:
        await perform_async(held, here.tools, cancellation)
