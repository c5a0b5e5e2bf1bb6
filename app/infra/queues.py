"""The RQ queues and what may go through them: names, ids and JSON only."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer

from app.infra import redis

IO, CODE, UPKEEP, THREADS = "io", "code", "upkeep", "threads"
RUN_QUEUES = (IO, CODE)

EXECUTE = "jobs.runs.execute"
PRUNE = "jobs.upkeep.prune"
VERIFY = "jobs.upkeep.check"
AUDIT = "jobs.upkeep.audit"
BACKUP = "jobs.upkeep.backup"
INTEGRITY = "jobs.upkeep.integrity"
TEST_MODEL = "jobs.models.test"
CALENDARS = "jobs.upkeep.calendars"
INDEXES = "jobs.upkeep.indexes"
BUDGETS = "jobs.upkeep.budgets"
CLOSE_INCIDENTS = "jobs.upkeep.close_incidents"
BUSY = "jobs.upkeep.busy_calendars"
PUSH_CALENDARS = "jobs.upkeep.push_calendars"
PLAN = "jobs.planning.plan"
SUGGEST = "jobs.suggestions.suggest"
ROLL_UP = "jobs.insights.roll_up"
IMPORT = "jobs.threads.read"
ANALYSE = "jobs.threads.analyse"
CHECK_NEEDS = "jobs.threads.check_needs"
CALL_THREADS = "jobs.threads.call_again"
TEND_THREADS = "jobs.threads.tend"
SUMMARIES = "jobs.summaries.look"
SUMMARISE = "jobs.summaries.write"
TEND_WEBHOOKS = "jobs.webhooks.tend"
ALLOWED = frozenset(
    {
        EXECUTE, PRUNE, VERIFY, AUDIT, BACKUP, INTEGRITY, TEST_MODEL, CALENDARS, INDEXES, BUDGETS, IMPORT, ANALYSE,
        CLOSE_INCIDENTS, CHECK_NEEDS, CALL_THREADS, TEND_THREADS, PLAN, SUGGEST, ROLL_UP, BUSY, PUSH_CALENDARS,
        TEND_WEBHOOKS, SUMMARIES, SUMMARISE,
    }
)  # fmt: skip
"""The only functions a job may name; anything else in Redis is refused, never imported."""

JOB_SECONDS = 3600


class SafeJob(Job):
    """A job whose function is one of ours and whose payload is JSON: a planted one is never run or unpickled."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["serializer"] = None
        super().__init__(*args, **kwargs)
        self.serializer = JSONSerializer  # set here: RQ would look at it anew for each of a thousand jobs, for 0.1 ms

    @classmethod
    def create(cls, *args: Any, **kwargs: Any) -> "SafeJob":
        kwargs["serializer"] = JSONSerializer
        return super().create(*args, **kwargs)  # type: ignore[return-value]  # RQ says Job, and makes one of `cls`

    @classmethod
    def fetch(cls, *args: Any, **kwargs: Any) -> "SafeJob":
        kwargs["serializer"] = JSONSerializer
        return super().fetch(*args, **kwargs)  # type: ignore[return-value]  # RQ says Job, and makes one of `cls`

    @property
    def func(self) -> Any:
        """The function, if it is allowed."""
        if self.func_name not in ALLOWED:
            raise ValueError(f"Job {self.id} names a function that is not allowed.")
        return super().func


class SafeQueue(Queue):
    """A queue of safe jobs."""

    job_class = SafeJob

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["serializer"] = JSONSerializer
        super().__init__(*args, **kwargs)


def job_id(run_id: int, attempt: int) -> str:
    """Return the id of the job for one attempt; the same attempt always has the same id."""
    return f"run-{run_id}-{attempt}"


def parse(text: str) -> tuple[int, int] | None:
    """Return (run id, attempt) of a job id, or None if it is not one of a run."""
    parts = text.split("-")
    if len(parts) == 3 and parts[0] == "run" and parts[1].isdigit() and parts[2].isdigit():  # noqa: PLR2004 the three parts
        return int(parts[1]), int(parts[2])
    return None


def enqueue(items: Iterable[tuple[str, str]]) -> None:
    """Put attempts into their queues: (queue, job id) pairs, in one round trip. Putting one twice is harmless.

    Raises what redis-py raises when Redis is away.
    """
    by_queue: dict[str, list[str]] = {}
    for queue, job in items:
        by_queue.setdefault(queue, []).append(job)
    client = redis.client()
    pipeline = client.pipeline(transaction=False)
    for name, jobs in by_queue.items():
        SafeQueue(name, connection=client).enqueue_many([_data(job) for job in jobs], pipeline=pipeline)
    pipeline.execute()


def call(function: str, *args: str | int, queue: str = UPKEEP, job: str | None = None) -> None:
    """Let a worker call a function of ours once, `job` is its id; nothing brings the call back if Redis loses it.

    Raises what redis-py raises when Redis is away.
    """
    line = SafeQueue(queue, connection=redis.client())
    line.enqueue_call(function, args=args, timeout=JOB_SECONDS, result_ttl=0, failure_ttl=JOB_SECONDS, job_id=job)


def _data(job: str) -> Any:
    run = parse(job)
    return Queue.prepare_data(
        EXECUTE, args=run, job_id=job, timeout=JOB_SECONDS, result_ttl=60, failure_ttl=86_400, description=job
    )


def take(client: Any, queue: str, most: int, wait_seconds: int) -> tuple[list[str], bool]:
    """Take up to `most` jobs of `queue`, or wait for one; returns their ids, none when nothing came in time.

    The second value says whether more are waiting. Raises what redis-py raises.
    """
    key = f"{Queue.redis_queue_namespace_prefix}{queue}"
    taken, left = client.pipeline(transaction=False).lpop(key, most).llen(key).execute()
    if not taken:
        first = client.blpop([key], timeout=wait_seconds)
        taken = [first[1]] if first else []
    return [text for item in taken if (text := _text(item))], bool(left)


def _text(item: bytes) -> str:
    """Return the id of a job; nothing for nonsense, which must not take those beside it along."""
    try:
        return item.decode()
    except UnicodeDecodeError:
        return ""


def forget(client: Any, queue: str, jobs: list[str]) -> None:
    """Remove what Redis keeps of taken jobs. That of a run is told by its id; a periodic job is taken again."""
    if jobs and queue in RUN_QUEUES:
        with suppress(*redis.Away, OSError):
            client.delete(*[Job.key_for(job) for job in jobs])


def put_back(queue: str, jobs: list[str]) -> None:
    """Put taken jobs back to the front; if Redis is away they come back from SQL."""
    if jobs:
        with suppress(*redis.Away, OSError):
            redis.client().lpush(f"{Queue.redis_queue_namespace_prefix}{queue}", *reversed(jobs))


def depth(name: str) -> int:
    """Return how many jobs wait in a queue."""
    return int(redis.client().llen(f"{Queue.redis_queue_namespace_prefix}{name}"))


def waiting(name: str) -> set[str]:
    """Return the ids of all jobs that wait in a queue."""
    found: Any = redis.client().lrange(f"{Queue.redis_queue_namespace_prefix}{name}", 0, -1)
    return {item.decode() for item in found}
