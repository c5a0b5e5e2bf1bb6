"""A job that runs elsewhere: its task is made by the form, its address takes pings from anybody who knows it."""

import re

import pytest

from app.web import pings


@pytest.fixture(autouse=True)
def minute(monkeypatch):
    monkeypatch.setattr(pings, "_minute", pings.Minute())


@pytest.fixture
def shown(ada, northgate):
    """Make the task; returns its page as it is now."""
    ada.post(
        f"/t/{northgate}/tasks/new",
        {"engine": "ping", "name": "Backup", "when-0-text": "every day at 3am", "when-0-timezone": "UTC"},
    )
    return lambda: ada.get(f"/t/{northgate}/tasks/backup").text


def address(page):
    return re.search(r"/ping/[\w-]+", page)[0]


def last_run(ada, northgate, number=1):
    return ada.get(f"/t/{northgate}/runs/{number}").text


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_a_ping_needs_no_sign_in_and_no_token_of_a_form(client, ada, northgate, shown, method):
    answer = client.open(address(shown()), method=method)
    assert (answer.status_code, answer.mimetype) == (200, "text/plain")
    assert "Set-Cookie" not in answer.headers
    assert "It said that it is done." in last_run(ada, northgate)
    assert "Last ping: success" in shown()


def test_start_and_exit_code_make_a_run_with_its_log(client, ada, northgate, shown):
    url = address(shown())
    client.post(f"{url}/start", data="begins")
    assert "Running" in last_run(ada, northgate)
    assert client.post(f"{url}/3", data="out of space").status_code == 200
    page = last_run(ada, northgate)
    assert "exit code 3" in page
    assert "begins" in page
    assert "out of space" in page


def test_what_is_no_address_is_not_found(client, shown):
    url = address(shown())
    for path in ("/ping/nothing", "/ping/nothing/start", f"{url}/stop", f"{url}/256", f"{url}x"):
        answer = client.get(path)
        assert (answer.status_code, answer.text) == (404, "There is nothing here.\n")


def test_whoever_guesses_takes_nothing_from_those_who_know(client, ada, northgate, shown):
    url = address(shown())
    for _ in range(pings.UNKNOWN_OF_PLACE + 5):
        client.get("/ping/from%20127.0.0.1")
        client.get("/ping/127.0.0.1")
    assert client.get(url).status_code == 200


def test_empty_lines_are_not_kept_without_end(client, ada, northgate, shown):
    client.post(address(shown()), data=b"\n" * 90_000)
    assert "cut: only the first 2,000 lines are kept" in last_run(ada, northgate)


def test_too_many_pings_wait(client, shown):
    url = address(shown())
    assert [client.get(f"{url}/log").status_code for _ in range(pings.OF_ADDRESS + 1)][-2:] == [200, 429]
    assert [client.get("/ping/nothing").status_code for _ in range(pings.UNKNOWN_OF_PLACE + 1)][-2:] == [404, 429]
    assert client.get(url).headers["Retry-After"] == "60"


def test_a_large_body_is_cut(client, ada, northgate, shown):
    assert client.post(address(shown()), data=(b"x" * 99 + b"\n") * 2000).status_code == 200
    assert "cut: only the first 100 KB are kept" in last_run(ada, northgate)


def test_a_new_address_ends_the_old_one(client, ada, ben, northgate, shown):
    first = address(shown())
    ben.post(f"/t/{northgate}/tasks/backup/address")
    assert address(shown()) != first
    assert client.get(first).status_code == 404
    assert client.get(address(shown())).status_code == 200


def test_the_form_says_what_is_expected_and_nothing_runs_here(ada, northgate, shown):
    assert "</svg>Run now" not in shown()
    assert "calls an address" in ada.get(f"/t/{northgate}/tasks/backup/edit").text
