"""Ada owns a team, Ben belongs to it, Cid is a stranger; each with a browser of their own."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from flask.testing import FlaskClient

from app.domain.access import Actor
from app.infra import passwords
from app.models.people import Person
from app.models.teams import Membership
from app.services import accounts, teams
from app.services.unit import unit

PASSWORD = "a quiet bell at seven"
HASHED = passwords.hash(PASSWORD)


@dataclass
class Visit:
    """Somebody signed in, with their browser and their own space."""

    client: FlaskClient
    id: int
    email: str
    slug: str

    def get(self, path, **more):
        return self.client.get(path, **more)

    def post(self, path, data=None, **more):
        return self.client.post(path, data={"csrf_token": self.token(), **(data or {})}, **more)

    def htmx(self, path, data=None, **headers):
        sent = {"HX-Request": "true", "HX-Request-Type": "partial", **headers}
        return self.post(path, data, headers=sent)

    def token(self):
        return token_in(self.client.get("/me/shortcuts").text)

    def actor(self, app, slug):
        with app.app_context():
            team = next(team for team in teams.of(self.id) if team.slug == slug)
        return Actor(self.id, team.id, team.role)


def token_in(page):
    """The forms' token of a page."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found, page
    return found[1]


def arrive(app, name, email):
    """Make a person with their own space, signed in with a browser."""
    with app.app_context():
        with unit() as work:
            person = Person(email=email, name=name, password_hash=HASHED, created_at=datetime.now(UTC))
            work.session.add(person)
            work.session.flush()
            person_id = person.id
        slug = teams.personal(app.extensions["vault"], person_id)
        link = accounts.sign_in_link(email).rpartition("/")[2]
        token = accounts.sign_in_by_link(link, accounts.Browser("127.0.0.1", "Firefox on Linux"))
    client = app.test_client()
    client.set_cookie("carillon", token)
    return Visit(client, person_id, email, slug)


def put_in(app, visit, slug, role):
    """Make somebody a member of a team."""
    with app.app_context(), unit() as work:
        team_id = work.session.query(teams.Team.id).filter_by(slug=slug).scalar()
        work.session.add(Membership(team_id=team_id, person_id=visit.id, role=role, created_at=datetime.now(UTC)))


@pytest.fixture
def ada(app):
    return arrive(app, "Ada Park", "ada@northgate.example")


@pytest.fixture
def northgate(app, ada):
    """The slug of a team that Ada owns."""
    with app.app_context():
        return teams.create(app.extensions["vault"], ada.id, "Northgate")


@pytest.fixture
def ben(app, northgate):
    visit = arrive(app, "Ben Okri", "ben@northgate.example")
    put_in(app, visit, northgate, "editor")
    return visit


@pytest.fixture
def cid(app):
    return arrive(app, "Cid Far", "cid@elsewhere.example")
