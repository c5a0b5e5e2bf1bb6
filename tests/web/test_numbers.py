"""Numbers that no row can have: a sentence or “There is nothing here.”, and never a failure of ours."""

import pytest

from app.core.numbers import LARGEST, whole
from tests import factories

pytestmark = pytest.mark.alike

NONE = ("9" * 5000, "9" * 25, "²", "٣", "-1", "1e3", "")


def test_only_plain_digits_are_a_number():
    assert [whole(text) for text in ("0", "007", str(LARGEST))] == [0, 7, LARGEST]
    assert [whole(text) for text in (*NONE, str(LARGEST + 1))] == [None] * 8
    assert (whole("12", most=12), whole("13", most=12)) == (12, None)


def test_a_page_with_such_a_number_is_there_or_is_not(ada, northgate):
    home = f"/t/{northgate}"
    asked = ("tasks?owner=", "threads?import=", "runs?before=", "runs/compare?run=", "alerts?before=", "live?after=")
    for number in NONE[:4]:
        for path in asked:
            assert ada.get(f"{home}/{path}{number}").status_code in {200, 400, 404}, (path, number[:9])
        for path in ("runs/", "backfills/", "imports/", "threads/"):
            assert ada.get(f"{home}/{path}{number}").status_code in {400, 404}, (path, number[:9])


def test_a_form_with_such_a_number_is_shown_again_or_saved_without_it(app, ada, northgate):
    with app.app_context():
        factories.task(ada.actor(app, northgate).team_id, "digest")
    home = f"/t/{northgate}"
    token = ada.post(f"{home}/settings/tokens", {"name": "x", "scopes": "read", "days": NONE[0]})
    assert (token.status_code, "Choose 30, 90, 365 days" in token.text) == (422, True)
    for number in (NONE[0], NONE[2]):
        for path, form in (
            ("tasks/new", {"remove": number}),
            ("tasks/digest/edit", {"version": number, "files": number, "name": "Digest", "engine": "http"}),
            ("tasks/digest/edit", {"cards": f"remove-{number}"}),
            ("threads/analyses", {"thread": number}),
        ):
            assert ada.post(f"{home}/{path}", form).status_code < 500, (path, number[:9])
