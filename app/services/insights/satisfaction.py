"""Whether Carillon is a help: asked of a person rarely, after some runs of theirs have worked, and never twice."""

from datetime import timedelta

import sqlalchemy as sa

from app.core.clock import utc_now
from app.core.errors import Invalid
from app.domain.access import Actor
from app.infra.database import db
from app.models.rollups import Satisfaction
from app.models.runs import IS_REAL, Run
from app.services.unit import unit

RARELY = timedelta(days=90)
LEAST_RUNS = 10
LONGEST = 500


def is_due(actor: Actor) -> bool:
    """Whether this person may be asked: not within RARELY, and LEAST_RUNS of the team's last runs have worked."""
    lately = sa.exists().where(Satisfaction.person_id == actor.person_id, Satisfaction.asked_at > utc_now() - RARELY)
    if db.session.scalar(sa.select(lately)):
        return False
    good = (Run.team_id == actor.team_id, Run.state == "succeeded", IS_REAL)
    return len(db.session.scalars(sa.select(Run.id).where(*good).limit(LEAST_RUNS)).all()) == LEAST_RUNS


def answer(actor: Actor, score: int | None, note: str = "") -> None:
    """Keep what a person says, 1 to 5; None: they would rather not say. Either way they are not asked again soon.

    Raises Invalid for another score. A second answer within RARELY replaces the first.
    """
    if score is not None and not 1 <= score <= 5:  # noqa: PLR2004 the scale
        raise Invalid({"score": "Choose 1 to 5."})
    with unit() as work:
        of_theirs = (Satisfaction.person_id == actor.person_id, Satisfaction.asked_at > work.now - RARELY)
        row = work.session.scalars(sa.select(Satisfaction).where(*of_theirs).limit(1)).first()
        if row is None:
            row = Satisfaction(person_id=actor.person_id, asked_at=work.now, score=None, note="")
            work.session.add(row)
        row.score, row.note = score, note.strip()[:LONGEST]
