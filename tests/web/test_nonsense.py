"""Numbers, dates and texts beyond all measure get an answer that says so, never a failure."""

import pytest

HUGE = "9" * 40


@pytest.mark.parametrize(
    "path",
    [
        f"/runs/{HUGE}", f"/runs?before={HUGE}", f"/runs?after={HUGE}", "/runs?from=0001-01-01&to=9999-12-31",
        "/runs?from=nonsense", f"/tasks?owner={HUGE}", f"/tasks?after={HUGE}", f"/tasks/x/history/{HUGE}",
    ],
)  # fmt: skip
def test_an_address_beyond_measure_is_answered(ada, northgate, path):
    assert ada.get(f"/t/{northgate}{path}").status_code in {200, 400, 404, 422}


def test_deeply_nested_json_is_refused(ada, northgate):
    form = {"engine": "http", "url": "https://example.com/", "name": "Deep", "expect_json": "a equals " + "[" * 100_000}
    assert ada.post(f"/t/{northgate}/tasks/new", form).status_code in {303, 400, 404, 405, 422}


def test_a_part_asked_for_from_nowhere_leads_to_the_door(client):
    answer = client.get("/me/profile", headers={"HX-Request": "true", "HX-Current-URL": "http://[::"})
    assert answer.headers["HX-Redirect"] == "/login"
