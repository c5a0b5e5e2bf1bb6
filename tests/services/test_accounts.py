"""Accounts below the web: links, throttling, sign-ins, under many at once."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.core.errors import Invalid, NotFound
from app.models.people import Person, SignInLink
from app.services import accounts, links, tries
from app.services.accounts import Browser, NewPerson
from app.services.unit import unit

PASSWORD = "a quiet bell at seven"
ADA = NewPerson("Ada Park", "ada@northgate.example", PASSWORD, "Europe/Berlin")
HERE = Browser("127.0.0.1", "Firefox")


@pytest.fixture
def inside(app):
    with app.app_context():
        yield


@pytest.fixture
def ada(inside, settings):
    return accounts.who(accounts.set_up(setup_token(settings), ADA, HERE))


def setup_token(settings):
    return accounts.setup_link(settings).rpartition("/")[2]


def at_once(app, count, act):
    """Run `act` on threads that start together; return what each gave or raised."""
    gate, results = threading.Barrier(count), []

    def one():
        with app.app_context():
            gate.wait()
            try:
                results.append(act())
            except Exception as error:
                results.append(error)

    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_the_visitor_is_who_was_set_up(ada):
    assert (ada.name, ada.email, ada.timezone, ada.initials) == (
        "Ada Park", "ada@northgate.example", "Europe/Berlin", "AP"
    )  # fmt: skip


def test_an_old_setup_link_is_refused(inside, settings):
    token = setup_token(settings)
    with unit() as work:
        work.session.execute(sa.update(SignInLink).values(expires_at=work.now - timedelta(seconds=1)))
    with pytest.raises(NotFound):
        accounts.set_up(token, ADA, HERE)


def test_of_many_who_set_up_at_once_one_wins(app, inside, settings):
    token = setup_token(settings)
    results = at_once(app, 6, lambda: accounts.set_up(token, ADA, HERE))
    assert sum(isinstance(result, str) for result in results) == 1
    assert sum(isinstance(result, NotFound) for result in results) == 5


def test_of_many_who_use_one_sign_in_link_one_wins(app, ada):
    token = accounts.sign_in_link(ada.email).rpartition("/")[2]
    results = at_once(app, 8, lambda: accounts.sign_in_by_link(token, HERE))
    assert sum(isinstance(result, str) for result in results) == 1


def test_many_wrong_tries_at_once_do_not_outrun_the_count(app, ada):
    results = at_once(app, 12, lambda: accounts.sign_in(ada.email, "wrong wrong wrong", HERE))
    assert sum(isinstance(result, Invalid) for result in results) == tries.FREE
    assert sum(isinstance(result, tries.Throttled) for result in results) == 12 - tries.FREE


def test_each_more_wrong_try_waits_twice_as_long_up_to_a_quarter_of_an_hour(ada):
    waits = []
    for _ in range(12):
        with pytest.raises(Invalid):
            accounts.sign_in(ada.email, "wrong wrong wrong", HERE)
        waits.append(wait_and_pass(ada))
    assert waits[:4] == [0, 0, 0, 0]
    assert waits[4:] == [32, 64, 128, 256, 512, 900, 900, 900]


def wait_and_pass(ada):
    with unit() as work:
        own = tries.digest(f"{ada.email}|127.0.0.1")
        row = work.session.get(tries.Throttle, own)
        seconds = round((row.blocked_until - row.failed_at).total_seconds())
        row.blocked_until = work.now
        return max(0, seconds)


def test_failures_are_forgotten_after_an_hour(ada):
    for _ in range(4):
        with pytest.raises(Invalid):
            accounts.sign_in(ada.email, "wrong wrong wrong", HERE)
    with unit() as work:
        work.session.execute(sa.update(tries.Throttle).values(failed_at=work.now - timedelta(hours=2)))
    for _ in range(4):
        with pytest.raises(Invalid):
            accounts.sign_in(ada.email, "wrong wrong wrong", HERE)
    assert accounts.sign_in(ada.email, PASSWORD, HERE)


def test_a_hash_of_older_rules_is_renewed_at_sign_in(ada):
    weak = __import__("argon2").PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
    with unit() as work:
        work.session.execute(sa.update(Person).values(password_hash=weak))
    assert accounts.sign_in(ada.email, PASSWORD, HERE)
    with unit() as work:
        assert work.session.scalars(sa.select(Person.password_hash)).one() != weak


def test_the_same_e_mail_has_one_account(ada):
    with unit() as work:
        token = links.add(work, "invite", timedelta(days=1), team_id=None, role="viewer")
    with pytest.raises(Invalid) as refused:
        accounts.join(token, replace(ADA, email=" ADA@Northgate.example"), HERE)
    assert "email" in refused.value.fields


def test_a_link_opens_only_the_door_it_was_made_for(ada):
    token = accounts.sign_in_link(ada.email).rpartition("/")[2]
    with pytest.raises(NotFound):
        accounts.accept(token, ada.id)
    with pytest.raises(NotFound):
        links.find(token, "setup")


def test_a_link_for_nobody_says_so(ada):
    with pytest.raises(NotFound, match="Nobody here has the e-mail"):
        accounts.sign_in_link("nobody@northgate.example")
