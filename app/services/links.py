"""Links that do one thing once: set up, sign in, join a team. A helper of services, like unit."""

from datetime import timedelta
from typing import Literal

import sqlalchemy as sa

from app.core.clock import utc_now
from app.core.errors import NotFound
from app.core.identifiers import digest, new_token
from app.infra.database import db
from app.models.people import SignInLink
from app.services.unit import SessionWork

Purpose = Literal["setup", "sign_in", "invite"]

GONE = "This link was used, or is too old."


def add(
    work: SessionWork,
    purpose: Purpose,
    lasts: timedelta,
    *,
    person_id: int | None = None,
    team_id: int | None = None,
    role: str = "",
    email: str = "",
) -> str:
    """Store a new link and return its token, which is kept nowhere; `email` is a note of whom it is for."""
    token = new_token()
    work.session.add(
        SignInLink(
            token_hash=digest(token),
            purpose=purpose,
            person_id=person_id,
            team_id=team_id,
            role=role,
            email=email,
            created_at=work.now,
            expires_at=work.now + lasts,
        )
    )
    return token


def find(token: str, purpose: Purpose) -> SignInLink:
    """Return a link that still works, without using it up. Raises NotFound."""
    standing = (SignInLink.used_at.is_(None), SignInLink.expires_at > utc_now())
    query = sa.select(SignInLink).where(
        SignInLink.token_hash == digest(token), SignInLink.purpose == purpose, *standing
    )
    link = db.session.scalar(query)
    if link is None:
        raise NotFound(GONE)
    return link


def use(work: SessionWork, token: str, purpose: Purpose) -> SignInLink:
    """Use a link up and return it; of many at once one wins. Raises NotFound."""
    claim = sa.update(SignInLink).where(
        SignInLink.token_hash == digest(token),
        SignInLink.purpose == purpose,
        SignInLink.used_at.is_(None),
        SignInLink.expires_at > work.now,
    )
    link = work.session.scalars(claim.values(used_at=work.now).returning(SignInLink)).one_or_none()
    if link is None:
        raise NotFound(GONE)
    return link
