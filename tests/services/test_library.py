"""Templates and tasks: nothing of a definition is lost on the way, and what belongs to a team stays with it."""

import time

import pytest

from app.core.clock import utc_now
from app.core.errors import Invalid
from app.domain import library
from app.domain.library import Template
from app.services.library import builtin, saving
from app.services.library.saving import About, Chosen
from app.services.tasks import definitions, from_template

pytestmark = pytest.mark.alike

ANSWERS = {"rest": "KEY", "part": "secrets"}
ABOUT = {"name": "Orders", "category": "Data", "sentence": "Fetches orders."}


def made_of(template, **answers):
    """The definition of a task of the template."""
    given = {one.name: one.default or answers.get(one.name, "") for one in template.content.form}
    draft = from_template.draft(template, library.made(template, given, {"OTHER_KEY"}), "")
    return definitions.check(draft, utc_now())


def test_a_definition_that_is_saved_again_stays_the_same(app):
    template = builtin.templates()["feed-digest"]
    more = {
        "repair": {"model": "", "cost_cap_cents": 30}, "min_isolation": 2, "limits": {"timeout_seconds": 90.0},
        "policy": {"retries": 5, "overlap": "queue_one", "is_idempotent": False},
    }  # fmt: skip
    template = template.model_copy(update={"content": template.content.model_copy(update=more)})
    definition = made_of(template, url="https://a.example/feed.xml")
    assert definition["repair"]["cost_cap_cents"] == 30
    assert (definition["min_isolation"], definition["limits"]["timeout_seconds"]) == (2, 90.0)
    assert (definition["policy"]["retries"], definition["policy"]["is_idempotent"]) == (5, False)
    assert definitions.check(from_template.of_definition(definition, []), utc_now()) == definition


def test_a_program_finds_its_secret_under_its_own_name_whatever_it_is_called_elsewhere(app):
    settings = {"code": "1", "secrets": ["ORDERS_KEY"], "env": {"REGION": "north"}}
    definition = {"engine": "python", "settings": settings, "policy": {"pool": "Ours", "retries": 1}}
    about = About(**ABOUT, fields=[Chosen("region", "Region", has_default=True)])
    content = saving.content(definition, about, ["map.csv"])
    assert content["policy"] == {"retries": 1}
    template = Template(slug="orders", source="team", content=library.parse(content | {"notes": ["First version."]}))
    assert [(one.name, one.kind) for one in template.content.form] == [
        ("region", "text"), ("orders_key", "secret"), ("file_1", "file"),
    ]  # fmt: skip
    made = made_of(template, orders_key="OTHER_KEY", file_1="map.csv")
    assert made["settings"]["secrets"] == []
    assert made["settings"]["env"] == {"REGION": "{{ region }}", "ORDERS_KEY": "{{ secrets.OTHER_KEY }}"}
    assert made["variables"][0]["value"] == "north"


def test_what_a_form_can_ask_for_is_found_in_requests_and_prompts_and_never_in_code(app):
    steps = [
        {
            "name": "ask",
            "engine": "agent",
            "settings": {"prompt": "Read https://a.example/x and write to ada@a.example."},
        },
        {"name": "run", "engine": "shell", "settings": {"script": "curl https://b.example/", "env": {"CITY": "Ulm"}}},
    ]
    found = saving.literals({"engine": "steps", "steps": steps, "variables": [{"name": "month", "value": "2026-11"}]})
    assert [(one.name, one.kind, one.value) for one in found] == [
        ("month", "text", "2026-11"), ("address", "url", "https://a.example/x"), ("email", "email", "ada@a.example"),
        ("city", "text", "Ulm"),
    ]  # fmt: skip


def test_what_a_form_could_ask_for_is_found_in_no_time_whatever_the_task_holds(app):
    began = time.process_time()
    body = f"{'_' * 20_000} ada@shop.example"
    found = saving.literals(
        {"engine": "http", "settings": {"method": "POST", "url": "https://a.example/", "body": body}}
    )
    assert [one.value for one in found] == ["https://a.example/", "ada@shop.example"]
    assert time.process_time() - began < 0.3


@pytest.mark.parametrize("does", [
    {"code": "1", "network": True, "secrets": ["PAY_KEY"]},
    {"code": "1", "network": True, "env": {"A": "{{\nsecrets.PAY_KEY }}"}},
    {"code": "1", "network": True, "env": {"A": "{{ secrets.PAY_<<rest>> }}"}},
    {"code": "1", "network": True, "env": {"A": "{{ <<part>>.PAY_KEY }}"}},
    {"code": "1", "network": True, "secrets": ["<<part>>_KEY"]},
])  # fmt: skip
def test_a_template_is_given_no_secret_that_nobody_chose(app, does):
    fields = [{"name": name, "label": "Region", "default": default} for name, default in ANSWERS.items()]
    content = library.parse({**ABOUT, "notes": ["First."], "engine": "python", "settings": does, "form": fields})
    template = Template(slug="x", source="shared", content=content)
    made = library.made(template, {**ANSWERS, "part": "PAY" if "secrets" in does else "secrets"}, {"PAY_KEY"})
    with pytest.raises(Invalid, match="takes the secret PAY_KEY"):
        from_template.draft(template, made, "")
