"""When a claim is committed, as another process sees it: the bell rings after the commit, then the row is looked at."""

import threading
import time

import sqlalchemy as sa

from app.infra import database, redis
from app.models.runs import Run

_NOT_YET = ("queued", "waiting", "planned")


class Watch:
    """`seen` is run id -> wall time, in seconds, at which its claim was found committed; so the commit is included."""

    def __init__(self):
        self.seen = {}
        self._is_over = threading.Event()
        self._pubsub = redis.listen(redis.BELL)
        self._thread = threading.Thread(target=self._listen)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._is_over.set()
        self._thread.join()
        self._pubsub.close()

    def _listen(self):
        while not self._is_over.is_set():
            message = self._pubsub.get_message(timeout=0.2)
            if message:
                self._look(int(message["data"].decode().partition(":")[2]))

    def _look(self, run):
        if not run or run in self.seen:
            return
        with database.read() as connection:
            state = connection.execute(sa.select(Run.state).where(Run.id == run)).scalar()
        if state not in _NOT_YET:
            self.seen[run] = time.time()
