"""What would leave with a template: found in every text of it, and replaced so that the rest still stands."""

import json

from app.analysis.scrub import Known, cleaned, look
from app.domain import library
from app.services.library import builtin

KNOWN = Known(
    people=(("Ada Park", "ada@northgate.example"), ("Benedikt Okri", "ben.okri@gmail.com")),
    team=("Northgate Bakery", "northgate-bakery"),
    values={"depot": "Quayside 14", "level": "3"},
    secrets=("plain words as a secret",),
)
KEY = "sk_live_51HqLyjWDarjtT1zdp7dcABCD"


def template(**more):
    return {
        "name": "Orders", "category": "Data", "sentence": "Fetches orders.", "notes": ["First version."],
        "engine": "python", "settings": {"code": "print(1)"}, **more,
    }  # fmt: skip


def found(text, known=KNOWN, place="about"):
    """(kind, what it becomes, whether it goes by default) by what is found in a text."""
    content = template(settings={"code": text}) if place == "code" else template(**{place: text})
    return {one.value: (one.kind, one.becomes, one.is_removed) for one in look(content, known)}


def test_secrets_never_leave_wherever_they_stand_and_are_shown_masked():
    content = template(
        about=f"Use {KEY} for it.",
        sample="It says: plain words as a secret",
        settings={"code": f"KEY = '{KEY}'", "env": {"DB": "postgres://app:Tr0ub4dor-3@db.internal/x"}},
        form=[{"name": "x", "label": "Token", "default": "ghp_16C7e42F292c6912E7710c838347Ae178B4a"}],
    )
    report = look(content, KNOWN)
    secrets = [one for one in report if one.is_always]
    assert {one.value for one in secrets} == {
        KEY, "plain words as a secret", "Tr0ub4dor-3", "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    }  # fmt: skip
    assert all(one.value not in json.dumps([other.excerpt, other.said]) for one in secrets for other in report)
    assert next(one for one in secrets if one.value == KEY).places == ("Settings, code", "What it does")
    left = json.dumps(cleaned(content, secrets))
    assert all(one.value not in left for one in secrets)
    assert "KEY = 'removed'" in left


def test_names_and_addresses_of_the_team_are_removed_by_default():
    text = "Ask Ada or BENEDIKT OKRI of Northgate Bakery (ada@northgate.example) at Quayside 14, level 3."
    assert found(text) == {
        "Ada": ("person", "someone", True),
        "BENEDIKT OKRI": ("person", "someone", True),
        "Northgate Bakery": ("team", "our team", True),
        "ada@northgate.example": ("e-mail", "someone@example.com", True),
        "Quayside 14": ("team value", "example", True),
    }
    assert found("northgate-bakery is well; Canada and adam are not Ada's") == {
        "northgate-bakery": ("team", "our team", True), "Ada": ("person", "someone", True),
    }  # fmt: skip


def test_inner_hosts_and_addresses_are_removed_and_public_hosts_are_asked_about():
    code = (
        "a = get('https://wiki.northgate.example/x'); b = get('http://printer/'); c = get('https://api.github.com/y')\n"
        "d = open('/home/ada/x'); e = connect('10.1.2.3'); f = connect('fd12:3456:789a::1'); g = 'db.corp'\n"
        "h = get('http://127.0.0.1:8000/'); i = get('https://shop.example.com/'); j = xs[::2]; k = threading.local()"
    )
    assert found(code, place="code") == {
        "wiki.northgate.example": ("host", "example.com", True),
        "printer": ("host", "example.com", True),
        "db.corp": ("host", "example.com", True),
        "api.github.com": ("host", "example.com", False),
        "/home/ada": ("address", "/home/someone", True),
        "10.1.2.3": ("address", "192.0.2.1", True),
        "fd12:3456:789a::1": ("address", "2001:db8::1", True),
    }
    assert found(r"copy \\fileserver\share C:\Users\ada\x")["fileserver"][0] == "host"


def test_what_is_replaced_leaves_the_rest_as_it_was_and_the_whole_a_template():
    content = template(
        settings={"code": "ask('ada@northgate.example', 'https://wiki.northgate.example/ada', 'gmail.com')"},
        form=[{"name": "to", "label": "Ada", "kind": "email", "default": "ada@northgate.example"}],
    )
    report = look(content, KNOWN)
    new = cleaned(content, [one for one in report if one.is_removed])
    assert new["settings"]["code"] == "ask('someone@example.com', 'https://example.com/ada', 'gmail.com')"
    assert (new["form"][0]["label"], new["form"][0]["kind"]) == ("someone", "email")
    assert library.parse(new).form[0].default == "someone@example.com"
    assert look(new, KNOWN) == []
    kept = cleaned(content, [one for one in report if one.kind == "host"])
    assert "ada@northgate.example" in kept["settings"]["code"]
    assert look(content, Known()) == []  # the address is one that nobody has, unless it is of the team


def test_placeholders_and_our_own_words_stay():
    content = template(
        settings={"code": "1", "env": {"KEY": "{{ secrets.<<orders_key>> }}", "WHO": "{{ team.depot }}"}},
        contract=[{"kind": "file", "name": "Ada.csv"}],
    )
    known = Known(people=(("Data", "x@y.example"),), team=("Python",), values={"a": "secrets"})
    assert {one.value for one in look(content, known)} == set()
    assert cleaned(content, look(content, KNOWN))["contract"] == [{"kind": "file", "name": "someone.csv"}]


def test_built_in_templates_tell_nothing_but_public_hosts():
    for one in [*builtin.templates().values()][::4]:
        kinds = {(found.kind, found.is_removed) for found in look(one.content.model_dump(mode="json"), Known())}
        assert kinds <= {("host", False)}, one.slug
