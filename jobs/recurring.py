"""The one list of what Carillon does by itself again and again, rung by rq-scheduler."""

from dataclasses import dataclass

from app.infra import queues


@dataclass(frozen=True)
class Recurring:
    """A job of the upkeep queue. `id` is the same for ever, so that arming it again changes nothing."""

    id: str
    function: str
    every_seconds: int


TABLE = (
    Recurring("recurring-prune", queues.PRUNE, 3600),
    Recurring("recurring-verify", queues.VERIFY, 86_400),
    Recurring("recurring-audit", queues.AUDIT, 86_400),
    Recurring("recurring-backup", queues.BACKUP, 60),  # the settings say when one is due
    Recurring("recurring-integrity", queues.INTEGRITY, 86_400),
    Recurring("recurring-calendars", queues.CALENDARS, 3600),
    Recurring("recurring-busy", queues.BUSY, 3600),
    Recurring("recurring-pushes", queues.PUSH_CALENDARS, 300),
    Recurring("recurring-indexes", queues.INDEXES, 3600),
    Recurring("recurring-budgets", queues.BUDGETS, 300),
    Recurring("recurring-incidents", queues.CLOSE_INCIDENTS, 60),
    Recurring("recurring-plan", queues.PLAN, 30),
    Recurring("recurring-rollups", queues.ROLL_UP, 30),
    Recurring("recurring-summaries", queues.SUMMARIES, 15),
    Recurring("recurring-suggestions", queues.SUGGEST, 86_400),
    Recurring("recurring-calls", queues.CALL_THREADS, 5),
    Recurring("recurring-webhooks", queues.TEND_WEBHOOKS, 3600),
    Recurring("recurring-threads", queues.TEND_THREADS, 60),
)
