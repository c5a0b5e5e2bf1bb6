"""What is noted besides the sending: channels that are not set any more, and what was told from memory."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import sqlalchemy as sa

from app.infra import database
from app.models.runs import Alert, Delivery
from app.services import counting
from app.services.deliveries.taking import SENT
from app.services.unit import batch


def set_aside(channels: Sequence[str]) -> None:
    """Give up what waits for a channel of the installation that is not among these any more."""
    is_strange = sa.and_(
        Delivery.state == "waiting", sa.not_(Delivery.channel.contains(":")), Delivery.channel.not_in(channels)
    )
    with database.read() as connection:
        if not connection.execute(sa.select(Delivery.id).where(is_strange).limit(1)).first():
            return
    with batch() as work:
        why = "This channel is not set any more."
        work.connection.execute(
            sa.update(Delivery).where(is_strange).values(state="failed", problem=why, next_try_at=None)
        )


def tell_later(sentence: str, since: datetime, recovery: str, told: Iterable[str]) -> None:
    """Put on record that the database was away, once it is back: `told` are the channels that heard of it then."""
    with batch() as work:
        values = {
            "key": f"database:{since.isoformat()}", "kind": "database", "sentence": sentence, "team_id": None,
            "at": since, "ended_at": work.now, "recovery": recovery,
        }  # fmt: skip
        alert_id = work.connection.execute(sa.insert(Alert).values(values).returning(Alert.id)).scalar_one()
        for channel in told:
            row = {"alert_id": alert_id, "is_recovery": False, "channel": channel, "state": "sent", "tries": 1}
            work.connection.execute(sa.insert(Delivery).values(row | {"problem": "", "at": since, "sent_at": since}))
            counting.count(work, SENT)
