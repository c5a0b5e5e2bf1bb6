"""A replay says what it does not do, and asks for the day of its run where the thread asked for the day of its own."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app.analysis import dependencies, pipeline, proposal, secrets
from app.analysis.replay import Replay, compare, replay
from app.domain.expressions import fill
from app.domain.expressions.facts import of_run
from tests.analysis.making import agent, call, person, thread, values

MORNING = datetime(2026, 11, 27, 6, 30, tzinfo=UTC)
ASKED = (
    "Each morning fetch yesterday's visits from https://api.museum.example/visits?day=2026-11-26 and save visits.csv."
)
ANSWER = '{"status": 200, "visits": [{"gate": 1, "people": 12}]}'
KEY = "sk_live_51Hq8ZtKfake0Carillon9xQ2LmN7pR4"


def dated(*messages, at=MORNING):
    return thread(*(replace(message, at=at) for message in messages), form="openai")


def made_of(of) -> Replay:
    return replay(of, pipeline.analyse(of))


def visits(*more, headers=None):
    url = "https://api.museum.example/visits?day=2026-11-26"
    asked = call("http_request", method="GET", url=url, headers=headers or {}, output=ANSWER)
    return dated(person(ASKED), agent("", asked), *more)


def ways_of(of, price=None):
    return compare(of, made_of(of), pipeline.analyse(of), price)


def on(text, day):
    return fill(text, of_run(datetime.fromisoformat(f"{day}T09:00+00:00"), "UTC", number=1, attempt=1, task="T"))


# --- days by the day of the run


@pytest.mark.parametrize("headers", [None, {"Authorization": f"Bearer {KEY}"}])
def test_the_day_in_an_address_is_yesterday_of_each_run(headers):
    made = made_of(visits(headers=headers))
    (step,), (day,) = made.steps, made.variables
    assert step["settings"]["url"] == "https://api.museum.example/visits?day={{ day }}"
    assert on(day["value"], "2026-12-01") == "2026-11-30"


def test_the_day_in_bodies_scripts_and_code_is_too():
    of = dated(
        person("Post yesterday's count to our board, and keep it"),
        agent(
            "",
            call("http_request", method="POST", url="https://board.example/in", body={"day": "26.11.2026", "n": 2}),
            call("bash", command="grep 20261126 log.txt > found.txt", output=""),
            call("python", code="print('Day 2026-11-26:', 1 + 1)", output="Day 2026-11-26: 2"),
        ),
    )
    made = made_of(of)
    assert [one for one in ("26.11.2026", "20261126", "2026-11-26") if one in repr(made.steps)] == []
    told = {on(one["value"], "2027-03-01") for one in made.variables}
    assert {"28.02.2027", "20270228", "2027-02-28"} <= told


@pytest.mark.parametrize(
    ("asked", "literal", "at", "later", "then"),
    [
        ("the report of last week", "from=2026-11-16", datetime(2026, 11, 25, tzinfo=UTC), "2026-12-07", "2026-11-30"),
        ("the quarter so far behind us", "to=2026-09-30", datetime(2026, 11, 5, tzinfo=UTC), "2027-01-10", "2026-12-31"),
        ("the report of the quarter", "q=2026-Q3", datetime(2026, 11, 5, tzinfo=UTC), "2027-02-10", "2026-Q4"),
        ("the week's report", "w=2026-W47", datetime(2026, 11, 25, tzinfo=UTC), "2027-01-06", "2026-W53"),
        ("last month", "month=2026-10", datetime(2026, 11, 5, tzinfo=UTC), "2027-01-10", "2026-12"),
        ("yesterday", "day=2026-10-31", datetime(2026, 11, 1, tzinfo=UTC), "2026-11-20", "2026-11-19"),
        ("last month", "to=2026-10-31", datetime(2026, 11, 1, tzinfo=UTC), "2027-03-20", "2027-02-28"),
    ],
)  # fmt: skip
def test_weeks_months_and_quarters_are_said_by_the_day_of_the_run(asked, literal, at, later, then):
    url = f"https://api.museum.example/visits?{literal}"
    made = made_of(dated(person(f"Fetch {asked}"), agent("", call("http_get", url=url, output=ANSWER)), at=at))
    (found,) = made.variables
    assert literal.partition("=")[2] not in made.steps[0]["settings"]["url"]
    assert on(found["value"], later) == then


def test_a_day_is_counted_from_the_call_and_not_from_thanks_a_week_later():
    of = visits()
    late = replace(person("Thank you!"), at=datetime(2026, 12, 4, tzinfo=UTC))
    (day,) = made_of(replace(of, messages=(*of.messages, late))).variables
    assert on(day["value"], "2027-01-08") == "2027-01-07"


def test_an_old_day_and_the_address_of_a_page_stay():
    url = "https://news.example/2026/11/20/story?since=2019-02-03"
    made = made_of(dated(person("Read it again"), agent("", call("http_get", url=url, output="Words"))))
    assert made.steps[0]["settings"]["url"] == url


# --- what it does not do


def test_files_mails_and_figures_that_no_step_makes_are_told_and_it_is_not_suggested():
    of = visits(person("Also send the total to ops@museum.example."), agent("Done."))
    assert made_of(of).undone == ("writing visits.csv", "mail to ops@museum.example")
    ways = ways_of(of)
    assert ways[0].why_not == "It does not do: writing visits.csv, mail to ops@museum.example."
    assert (ways[0].is_possible, proposal.suggested(ways), proposal.chosen(ways)) == (False, None, "replay")
    with_model = ways_of(of, lambda *_: 1)
    assert (with_model[1].is_possible, proposal.suggested(with_model)) == (False, "agent")


def test_what_steps_do_is_not_said_to_be_missing():
    of = dated(
        person("Fetch the visits, write visits-2026-10.csv and send it to ops@museum.example"),
        agent(
            "I did. 12 people came.",
            call(
                "python",
                code="month = '2026-10'\nopen(f'visits-{month}.csv', 'w').write('a\\n1')\nprint('People:', 10 + 2)",
                output="People: 12",
            ),
            call("http_request", method="POST", url="https://mail.example/send", body={"to": "ops@museum.example"}),
        ),
    )
    assert made_of(of).undone == ()
    assert ways_of(of)[0].is_possible
    assert proposal.suggested(ways_of(of)) == "replay"
    assert proposal.suggested(ways_of(of, lambda *_: 1)) == "hybrid"


@pytest.mark.parametrize(
    ("asked", "reply", "missing"),
    [
        ("Read https://a.example/x and mail it to me", "ok", "“mail it to me”"),
        ("Read https://a.example/x and post it in Slack", "ok", "“post it in Slack”"),
        ("Lies https://a.example/x und schick es per Mail", "ok", "“schick es per Mail”"),
        ("Read https://a.example/x, warn me over 20 trucks", "ok", "comparing with over 20 trucks"),
        ("Read https://a.example/x and ring https://b.example/me", "ok", "a call to b.example"),
        ("Read https://a.example/x and tell me the total", "It makes 42.50 in all.", "the answer in words"),
    ],
)
def test_sendings_without_an_address_and_answers_in_words_are_told(asked, reply, missing):
    of = dated(person(asked), agent("", call("http_get", url="https://a.example/x", output="Words")), agent(reply))
    assert made_of(of).undone == (missing,)


def test_a_count_with_its_label_is_a_result_and_computes_nothing_that_was_asked_for():
    of = dated(
        person("Read https://a.example/x and warn me over 20 trucks"),
        agent(
            "",
            call("http_get", url="https://a.example/x", output="Words"),
            call("python", code="trucks = ['A', 'B']\nprint('trucks:', len(trucks))", output="trucks: 2"),
        ),
    )
    made = made_of(of)
    assert "print('trucks:', len(trucks))" in made.steps[-1]["settings"]["code"]
    assert made.undone == ("comparing with over 20 trucks",)


def test_a_count_of_what_was_selected_stays_and_one_of_all_that_was_read_is_a_look():
    code = (
        "import csv\nrows = list(csv.DictReader(open('stock.csv')))\nprint('rows:', len(rows))\n"
        "low = [one for one in rows if float(one['kg']) < 15]\nprint('low:', len(low))"
    )
    of = dated(person("How many are below 15 kg?"), agent("", call("python", code=code, output="rows: 9\nlow: 2")))
    made = made_of(of)
    script = made.steps[0]["settings"]["code"]
    assert "print('low:', len(low))" in script
    assert "rows:" not in script
    assert made.undone == ()


def test_a_file_that_was_only_named_is_not_said_to_be_written():
    of = dated(
        person("Rotate the dumps, they are called like app-2026-10-01.sql.zst, and keep 7 of them"),
        agent("", call("bash", command="ls /dumps | sort | head -n 7 > kept.txt", output="")),
    )
    assert made_of(of).undone == ("anything with app-2026-10-01.sql.zst",)


@pytest.mark.parametrize(
    ("said", "stays"),
    [
        ("I'll drop the new export in the same place with the same name.", True),
        ("Die neue Datei hat jedes Mal den gleichen Namen.", True),
        ("The new one will not have the same name.", False),
    ],
)
def test_a_file_that_has_the_same_name_each_time_gets_no_date_in_its_name(said, stays):
    of = dated(
        person("Count the lines of sales-2026-11.csv. " + said),
        agent(
            "",
            call("python", code="print('lines:', len(open('sales-2026-11.csv').readlines()) + 0)", output="lines: 3"),
        ),
    )
    made = made_of(of)
    assert [one["value"] for one in made.variables] == (
        ["sales-2026-11.csv"] if stays else ["sales-{{ run.date | format('%Y-%m') }}.csv"]
    )


def test_folders_and_endings_are_called_so():
    of = dated(
        person("Keep 7 dumps in /var/backups/pg and delete nothing but *.zst that are in transit"),
        agent("", call("bash", command="cd /var/backups/pg && sort list > kept.txt", output="")),
    )
    (folder,) = made_of(of).variables
    assert (folder["name"], folder["value"]) == ("folder", "/var/backups/pg")


def test_nobody_is_told_of_a_mail_that_was_not_wanted():
    of = dated(
        person("Read https://a.example/x, but do not mail it to anybody"),
        agent("", call("http_get", url="https://a.example/x", output="Words")),
    )
    assert made_of(of).undone == ()


def test_a_tool_that_no_step_stands_in_for_is_told():
    of = dated(
        person("Do it"),
        agent("", call("python", code="print(1 + 1)", output="2"), call("crm_sync", account="Museum", output="ok")),
    )
    assert made_of(of).undone == ("what crm_sync did",)


def test_an_agent_is_to_make_the_file_that_the_steps_do_not_make():
    of = visits()
    made = proposal.of(of, pipeline.analyse(of).findings, {}, ())
    agents = made.definition("agent", "Visits", ASKED)
    assert "write_file" in agents["settings"]["tools"]
    assert [one["kind"] for one in agents["contract"]] == ["answer", "file"]


# --- checks, names


def test_an_answer_told_beside_its_status_is_expected_with_its_keys():
    (check,) = made_of(visits()).contract
    assert (check["of"], check["schema"]["required"]) == ("steps.get_museum.json", ["visits"])


def test_the_words_before_what_is_printed_are_expected_else_nothing_checks_it():
    def proposed(code, output):
        of = dated(person("Do it"), agent("", call("python", code=code, output=output)))
        return proposal.of(of, pipeline.analyse(of).findings, {}, ())

    low = proposed("names = ['Kiel', 'Bonn']\nprint('low:', ', '.join(sorted(names)))", "low: Bonn, Kiel")
    assert [one.get("pattern") for one in low.made.contract] == ["(?i)low:"]
    assert low.proves("replay")
    bare = proposed("names = ['Kiel', 'Bonn']\nprint(', '.join(sorted(names)))", "Bonn, Kiel")
    assert not bare.proves("replay")
    assert bare.definition("replay", "", "", "Bonn")["contract"][-1]["pattern"] == "(?i)Bonn"


def test_a_table_of_what_was_selected_may_be_empty_on_a_good_day():
    def checks(code):
        of = dated(person("Write it"), agent("", call("python", code=code, output="")))
        return [one["kind"] for one in made_of(of).contract]

    every = "import pandas as pd\nstock = pd.read_csv('stock.csv')\n"
    assert checks(every + "stock.to_csv('out.csv')") == ["file", "rows"]
    assert checks(every + "low = stock[stock.kg < 15]\nlow.to_csv('out.csv')") == ["file"]
    assert checks(every + "stock.query('kg < 15').to_csv('out.csv')") == ["file"]


def test_variables_are_called_by_their_names_and_unused_ones_are_left_out():
    of = dated(
        person("List shops below the limit of 15 kg in Lübeck, and write to ops@museum.example"),
        agent("", call("python", code="limit = 15\nprint('Low:', [one for one in (1, 20) if one < limit])", output="Low: [1]")),
    )  # fmt: skip
    made = proposal.of(of, pipeline.analyse(of).findings, {}, ())
    (limit,) = made.definition("replay", "Low", "")["variables"]
    assert (limit["name"], limit["label"], limit["help"], limit["value"]) == ("limit", "Limit", "In kg.", "15")
    assert made.used == {"limit"}
    assert "recipient" in {one["name"] for one in made.variables} - made.used


def test_letters_with_marks_keep_their_letter_in_a_name():
    calls = call("python", code="brücke = 'Café Brücke'\nprint(brücke.upper())", output="CAFÉ BRÜCKE")
    of = dated(person('Look at the project "Café Brücke"'), agent("", calls))
    assert {one["name"] for one in made_of(of).variables} <= {"brucke", "cafe_brucke"}
    assert made_of(of).variables


@pytest.mark.parametrize(
    ("host", "name"), [("http://localhost:8932", "STRIPE_KEY"), ("https://api.shop.example", "SHOP_TOKEN")]
)
def test_a_secret_is_called_after_the_host_or_what_it_is(host, name):
    asked = call("http_request", method="GET", url=f"{host}/x", headers={"Authorization": f"Bearer {KEY}"}, output="{}")
    of = dated(person(f"Fetch it with {KEY}"), agent("", asked))
    made = proposal.of(of, pipeline.analyse(of).findings, {}, tuple(one.value for one in secrets.scan(of)))
    assert made.made.secrets == (name,)
    assert made.secret_name(KEY) == name


def test_a_package_of_a_dead_end_is_none_under_its_usual_short_name_either():
    failed = "import pandas_not_there as pd\nprint(pd.read_csv('a.csv'))"
    of = thread(
        person("Sum a.csv"),
        agent(
            "",
            call("python", input=failed, output="ModuleNotFoundError: No module named 'pandas_not_there'"),
            call("python", input="print(1 + 1)", output="2"),
        ),
    )
    assert [one for one in values(dependencies.stage, of) if one["kind"] == "package"] == []
