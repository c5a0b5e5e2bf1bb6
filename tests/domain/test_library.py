"""What templates are, what they come to with answers, and which one fits what somebody says."""

import pytest

from app.domain import library
from app.domain.library import Doing, Template, Unfit

CONTENT = {
    "name": "Probe", "category": "Watch", "sentence": "Asks.", "notes": ["First version."], "engine": "http",
    "form": [
        {"name": "url", "label": "Address", "kind": "url"},
        {"name": "month", "label": "Month", "kind": "period", "default": "{{ run.date | format('%Y-%m') }}"},
        {"name": "key", "label": "Key", "kind": "secret", "is_required": False},
    ],
    "settings": {"url": "<<url>>?m={{ month }}", "auth": "bearer", "auth_secret": "<<key>>", "body": "<<url>>"},
}  # fmt: skip


def template(number=1, **more):
    notes = [f"Version {n}." for n in range(1, number + 1)]
    return Template(slug="probe", source="team", content=library.parse(CONTENT | {"notes": notes} | more))


def test_answers_become_variables_or_are_written_in():
    given = library.starts(template()) | {"url": "https://a.example/", "key": "KEY"}
    made = library.made(template(), given, {"KEY"})
    assert made.definition["settings"]["url"] == "https://a.example/?m={{ month }}"
    assert made.definition["settings"]["auth_secret"] == "KEY"
    assert [one["name"] for one in made.definition["variables"]] == ["month"]
    assert made.answers == {"url": "https://a.example/", "key": "KEY"}


def test_without_a_secret_there_is_none_to_sign_in_with():
    made = library.made(template(), library.starts(template()) | {"url": "https://a.example/"}, ())
    assert (made.definition["settings"]["auth"], made.definition["settings"]["auth_secret"]) == ("none", "")


@pytest.mark.parametrize(
    ("answers", "field", "said"),
    [
        ({}, "url", "Fill this in."),
        ({"url": "shop"}, "url", "Type an address"),
        ({"url": "{{ steps.fetch.json.url }}"}, "url", "Write it out"),
        ({"url": "https://a.example/", "key": "OTHER"}, "key", "There is no secret called OTHER."),
        ({"url": "https://a.example/", "month": "{{ nothing }}"}, "month", "There is no value called nothing"),
    ],
)
def test_what_an_answer_can_not_be(answers, field, said):
    with pytest.raises(library.Wrong) as wrong:
        library.made(template(), library.starts(template()) | answers, {"KEY"})
    assert wrong.value.fields[field].startswith(said)


def test_a_newer_version_takes_over_with_the_answers_and_all_that_people_have_set():
    made = library.made(template(), {"url": "https://a.example/", "month": "2026-11", "key": "KEY"}, {"KEY"})
    mine = {"name": "mine", "kind": "text", "value": "1", "source": "value"}
    task = {"name": "Ours", "schedules": [1], "files": [7], **made.definition, "limits": {"timeout_seconds": 9}}
    task["variables"] = [*task["variables"], mine]
    newer = template(2, settings=CONTENT["settings"] | {"method": "HEAD"}, limits={"timeout_seconds": 60})
    new = library.taken_over(newer, task, made.answers)
    assert new["settings"]["method"] == "HEAD"
    assert new["settings"]["url"] == "https://a.example/?m={{ month }}"
    assert {one["name"]: one["value"] for one in new["variables"]} == {"month": "2026-11", "mine": "1"}
    assert (new["name"], new["schedules"], new["files"], new["limits"]) == ("Ours", [1], [7], {"timeout_seconds": 9})


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"settings": {"url": "<<host>>"}}, "It names <<host>>, which no field asks for."),
        ({"form": [CONTENT["form"][0]] * 2}, "Two fields have one name."),
        ({"category": "Other"}, "category: "),
        ({"form": [CONTENT["form"][0] | {"kind": "colour"}]}, "form.0.kind: There is no kind of field called colour."),
        ({"contract": [{"kind": "luck"}]}, "Its contract can't be read: "),
        ({"surprise": 1}, "surprise: "),
        ({"steps": [{"name": "fetch"}]}, "Each step needs a name, an engine and settings"),
        ({"steps": [{"name": "fetch", "engine": "http", "settings": "all"}]}, "Each step needs"),
        ({"variables": [{"kind": "text"}]}, "Each step needs"),
    ],
)
def test_what_no_template_can_be(more, said):
    with pytest.raises(Unfit) as error:
        library.parse(CONTENT | more)
    assert str(error.value).startswith(said)


def test_needs_and_permissions_are_read_out_of_the_definition():
    code = {"name": "run", "engine": "python", "settings": {"code": "1", "network": True, "requirements": ["x"]}}
    ask = {"name": "ask", "engine": "agent", "settings": {"prompt": "?", "tools": ["http_get", "write_file"]}}
    content = template(engine="steps", settings={}, steps=[code, ask], form=[]).content
    assert library.needs(content) == ["model", "network", "packages"]
    assert library.permissions(content) == [
        "Runs Python in the sandbox, with the whole network.",
        "Lets an agent read web pages and write files.",
    ]


PRICES = template(words=["price", "preis", "shop"], name="Price watch")
BACKUP = template(words=["backup", "sicherung"], name="Backup", category="Tidy").model_copy(update={"slug": "backup"})
CHECK = template(words=["uptime"], name="Website").model_copy(update={"slug": "website-check"})


def test_a_template_fits_by_the_words_that_somebody_uses():
    [found] = library.suggest("Sag mir, wenn sich die Preise im Shop ändern", [PRICES, BACKUP])
    assert (found.template.slug, found.reason) == ("probe", "It speaks of preise and shop.")
    assert library.suggest("Write a poem about the price of love", [PRICES, BACKUP]) == []


def test_what_a_team_does_already_brings_suggestions_with_the_reason():
    scripts = [Doing(f"Ping {n}", {"settings": {"script": "curl https://status.a.example/"}}) for n in (1, 2, 3)]
    nightly = Doing("Nightly backup", {"settings": {"script": "tar cz /srv  # Sicherung"}})
    found = library.from_history([*scripts, nightly], [PRICES, BACKUP, CHECK])
    assert [(one.template.slug, one.reason) for one in found] == [
        ("website-check", "3 of your scripts ask status.a.example for an answer. One check would do."),
        ("backup", "Much like Nightly backup of yours."),
    ]


def test_words_of_a_program_make_no_task_like_a_template():
    code = {"steps": [{"name": "low", "settings": {"code": "backup = open('sicherung.csv')\nprint(backup)"}}]}
    assert library.from_history([Doing("Low coffee stock", code)], [BACKUP]) == []
    asked = {"steps": [{"name": "ask", "settings": {"prompt": "Is there a backup, eine Sicherung?"}}]}
    assert len(library.from_history([Doing("Morning look", asked)], [BACKUP])) == 1


def test_what_a_template_asks_for_names_hosts_and_whose_secret_it_sends():
    content = {"name": "x", "category": "Data", "sentence": "x", "notes": ["x"], "engine": "http",
               "form": [{"name": "key", "label": "Key", "kind": "secret", "example": "https://not.example/"},
                        {"name": "page", "label": "Page", "kind": "url", "default": "https://b.example/"}],
               "settings": {"url": "https://A.example:8443/x", "method": "POST", "auth": "bearer", "auth_secret": "<<key>>",
                            "body": "{{ team.region }}"}}  # fmt: skip
    asks = dict(library.asks(library.parse(content)))
    assert asks["It will"] == "Sends something to a.example:8443, with a secret that you choose."
    assert asks["Hosts in it"] == "a.example, b.example"
    assert (asks["Secrets"], asks["Values of your team"]) == ("Key: you choose them by name", "region")
    assert library.named_outright(library.parse(content), "secrets") == []
    content["settings"]["url"] = "https://a.example/{{ page | default(secrets.STRIPE) }}"
    assert library.named_outright(library.parse(content), "secrets") == ["STRIPE"]
    for sly, named in {
        "{{ secrets.<<key>> }}": [],
        "{{\nsecrets.PAY_KEY }}": ["PAY_KEY"],
        "{{ secrets.PAY_<<page>> }}": ["PAY_<<page>>", "secrets.PAY_<<page>>"],
        "{{ <<page>>.PAY_KEY }}": ["<<page>>.PAY_KEY"],
        "{{ secrets }}": ["secrets"],
    }.items():
        content["settings"]["body"], content["settings"]["url"] = sly, "https://a.example/"
        assert library.named_outright(library.parse(content), "secrets") == named, sly
    asks = dict(library.asks(library.parse(content | {"repair": {"model": "", "cost_cap_cents": 50}})))
    assert asks["Repair"] == "an agent may change the code of a step that failed, within its budget"
    assert "A model judges" not in asks
    judged = [{"kind": "judge", "question": "Is it polite?"}]
    assert (
        dict(library.asks(library.parse(content | {"contract": judged})))["A model judges"]
        == "it reads the answer, which costs"
    )


def test_a_newer_version_of_a_template_of_others_never_lowers_the_isolation():
    content = {"name": "x", "category": "Data", "sentence": "x", "notes": ["x"], "engine": "shell",
               "settings": {"script": "date"}}  # fmt: skip
    for source, level in (("shared", 2), ("team", 0)):
        template = library.Template(slug="x", source=source, content=library.foreign(library.parse(content)))
        definition = library.made(template, {}, set()).definition | {"min_isolation": 0}
        assert library.taken_over(template, definition, {})["min_isolation"] == level
