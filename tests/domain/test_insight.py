"""The sentence on top of a run's page, for every state."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.domain import remedies
from app.domain.insight import Case, Trouble, tell, trouble, usual_seconds
from app.domain.lifecycle import STATES
from tests.domain.test_failures import RECORDED, of, of_program

GUIDE = Path(__file__).parents[2] / "docs" / "guide.md"
NOW = datetime(2026, 11, 24, 9, 2, tzinfo=UTC)


def ago(seconds):
    return NOW - timedelta(seconds=seconds)


def ended(state="succeeded", took=60.0, **more):
    return tell(Case(state, started_at=ago(took), ended_at=NOW, **more), NOW)


@pytest.mark.parametrize("state", STATES)
def test_every_state_has_a_sentence_even_without_a_stored_one(state):
    assert tell(Case(state), NOW).lead.endswith(".")


@pytest.mark.parametrize("state", sorted(set(STATES) - {"running"}))
def test_the_stored_sentence_leads(state):
    assert tell(Case(state, "It was Tuesday."), NOW).lead == "It was Tuesday."


# --- before and while it runs


def test_a_queued_run_says_its_place_in_line():
    assert "next in line" in tell(Case("queued"), NOW).more
    assert "number 2 in line: one run is before it" in tell(Case("queued", ahead=1), NOW).more
    assert "number 3 in line: 2 runs are before it" in tell(Case("queued", ahead=2), NOW).more


def test_a_run_that_is_tried_again_says_when():
    later = NOW + timedelta(seconds=30)
    assert tell(Case("waiting", "503.", "retry", not_before=later), NOW).due_at == later


def test_a_run_that_is_held_back_says_when_in_the_readers_time_alone():
    later = NOW + timedelta(seconds=30)
    said = "Waits: example.com failed 5 times in a row; next try at 14:05 UTC."
    told = tell(Case("waiting", said, "breaker", not_before=later), NOW)
    assert (told.lead, told.due_at) == ("Waits: example.com failed 5 times in a row.", later)


def test_a_running_run_says_what_it_does_and_when_it_should_end():
    told = tell(Case("running", step="collect", started_at=ago(20), usual_seconds=60), NOW)
    assert told.lead == "Collecting its files."
    assert told.due_at == NOW + timedelta(seconds=40)


def test_a_little_late_it_should_end_now_and_much_later_it_is_slow():
    assert tell(Case("running", started_at=ago(70), usual_seconds=60), NOW).due_at == NOW
    slow = tell(Case("running", started_at=ago(91), usual_seconds=60), NOW)
    assert slow.due_at is None
    assert slow.more == "It takes longer than usual."


def test_a_first_run_promises_nothing():
    told = tell(Case("running", started_at=ago(5)), NOW)
    assert told.due_at is None
    assert "No earlier run" in told.more


def test_the_second_attempt_says_so():
    assert tell(Case("running", step="run", attempts=2), NOW).lead == "Attempt 2. Running."


def test_stopping_is_said_until_it_has_stopped():
    assert tell(Case("running", stop_mode="now"), NOW).lead == "Stopping."
    assert tell(Case("running", stop_mode="after_step", step="run"), NOW).more == "It stops after this step."


# --- how it compares


def test_a_run_that_was_tried_again_is_not_called_slow():
    told = ended("succeeded", 100, sentence="Worked in 40 s.", usual_seconds=60, attempts=2)
    assert (told.lead, told.more) == ("Worked in 40 s.", "It took 2 attempts.")


@pytest.mark.parametrize(
    ("took", "pace"),
    [
        (10, "much faster than usual (1 min)"),
        (30, "faster than usual (1 min)"),
        (50, "a bit faster than usual (1 min)"),
        (58, "as usual"),
        (60, "as usual"),
        (62, "as usual"),
        (66, "a bit slower than usual (1 min)"),
        (100, "slower than usual (1 min)"),
        (600, "much slower than usual (1 min)"),
    ],
)
def test_a_finished_run_is_compared_with_the_usual(took, pace):
    told = ended(took=took, sentence="Worked in 3 min 58 s: 4 turns, $0.09.", usual_seconds=60)
    assert told.lead == f"Worked in 3 min 58 s, {pace}: 4 turns, $0.09."


def test_the_comparison_stands_within_every_sentence_that_says_how_long():
    assert ended(sentence="All 3 steps worked in 1 min; Chart skipped.", usual_seconds=60).lead == (
        "All 3 steps worked in 1 min, as usual; Chart skipped."
    )
    assert ended("degraded", sentence="Finished without Chart.", usual_seconds=25).lead == (
        "Finished without Chart. It was slower than usual (25 s)."
    )


def test_below_a_second_nothing_is_slow():
    assert ended(took=0.9, sentence="Worked in 0.9 s.", usual_seconds=0.1).lead == "Worked in 0.9 s, as usual."


def test_without_history_nothing_is_compared():
    assert ended(took=12, sentence="Worked in 12 s.").lead == "Worked in 12 s."


def test_what_it_did_is_said_in_numbers():
    did = {"sources": 41, "sent": 1, "files": 2, "bytes": 900, "tokens": 4000, "cost": 90_000}
    assert ended(sentence="All 3 steps worked in 1 min.", amounts=did).more == (
        "41 sources, 1 sent message, 2 files, $0.09."
    )


def test_what_the_sentence_says_is_not_said_twice():
    assert ended(sentence="Worked in 1 min: 4 turns, $0.09.", amounts={"files": 0, "cost": 90_000}).more == ""


@pytest.mark.parametrize(
    ("now", "before", "said"),
    [
        (2_000, [40_000, 41_000, 42_000, 41_000, 41_000], "Far less than usual: 2 KB instead of about 41 KB."),
        (200_000, [40_000, 41_000, 42_000, 41_000, 41_000], "Far more than usual: 200 KB instead of about 41 KB."),
        (0, [40_000, 41_000, 42_000, 41_000, 41_000], "Far less than usual: 0 bytes instead of about 41 KB."),
        (30_000, [40_000, 41_000, 42_000, 41_000, 41_000], ""),
        (0, [40_000, 0, 42_000, 41_000, 41_000], ""),
        (2_000, [40_000, 41_000, 42_000], ""),
    ],
)
def test_an_amount_far_from_all_before_is_told(now, before, said):
    assert ended(amounts={"bytes": now}, usual={"bytes": before}).more == said


def test_the_usual_is_the_median():
    assert usual_seconds([(ago(10), NOW), (ago(500), NOW), (ago(20), NOW)]) == 20
    assert usual_seconds([]) is None


# --- what went wrong


def test_a_failure_says_what_is_kept_and_what_to_do_next():
    told = ended("failed", sentence="It ended with exit code 3.", reason="exit_code", attempts=3, files=2)
    assert told.more == "All 3 attempts ended like this. Its log and 2 files are kept."
    assert "mend the task" in told.next_step
    assert told.way == "task"


@pytest.mark.parametrize(
    ("state", "reason", "way"),
    [("timed_out", "timeout", "task"), ("blocked", "no_secret", "secrets"), ("failed", "lost", "workers")],
)
def test_the_way_out_follows_from_the_reason(state, reason, way):
    assert tell(Case(state, reason=reason), NOW).way == way


def test_what_the_steps_before_made_is_safe():
    told = ended("failed", sentence="Send: Ended with exit code 1.", reason="exit_code", saved=("Fetch", "Sum up"))
    assert told.more == "What Fetch and Sum up made is kept. Its log is kept."


def test_an_unknown_reason_still_leads_to_the_log():
    assert "log" in ended("failed", reason="from_a_plug_in").next_step


def test_what_never_ran_says_that_nothing_ran():
    for state in ("missed", "skipped", "blocked", "cancelled"):
        assert tell(Case(state), NOW).more == "Nothing ran."
    assert "stays as it is" in ended("cancelled").more


# --- causes, from what real programs showed

_LIMITS = {"timeout_seconds": 60.0, "memory_bytes": 256 * 1024**2, "disk_bytes": 20 * 1024**2, "processes": 20}
_AWAY, _ACCESS = ("is not available.", ""), ("refuses access.", "secrets")
_LOOK_UP, _OFFLINE = ("can't be looked up.", "task"), ("It may not reach the network.", "task")
_NOT_JSON, _NO_FILE = ("What it reads is not JSON.", "task"), ("The file data/input.csv is not there.", "task")
_LOCKED = ("It writes where nothing may be written.", "task")
_UNREADABLE, _OWN_WORDS = ("Its code can't be read.", "task"), ("Last line: “", "task")
KNOWN = {
    "requests refused": _AWAY, "requests status": _AWAY, "requests closed": _AWAY, "requests read timeout": _AWAY,
    "requests json": _AWAY, "httpx refused": _AWAY, "urllib refused": _AWAY, "urllib refused by variable": _AWAY,
    "urllib closed": _AWAY, "urllib timeout": _AWAY, "curl refused": _AWAY, "curl status": _AWAY,
    "curl timeout": _AWAY, "curl closed": _AWAY, "wget refused": _AWAY, "psql refused": _AWAY, "git refused": _AWAY,
    "bash tcp": _AWAY, "node refused": _AWAY, "node http refused": _AWAY, "psycopg refused": _AWAY,
    "redis refused": _AWAY, "aiohttp refused": _AWAY, "smtp refused": _AWAY,
    "requests 404": ("has nothing at that address.", "task"), "requests 401": _ACCESS, "urllib status": _ACCESS,
    "httpx status": ("answers with an error of its own.", ""), "wget status": ("answers with an error of its own.", ""),
    "requests dns": _LOOK_UP, "urllib dns": _LOOK_UP, "curl dns": _LOOK_UP, "wget dns": _LOOK_UP,
    "requests tls": ("No secure connection to localhost:8443 can be made.", ""),
    "urllib tls": ("No secure connection to localhost:8443 can be made.", ""),
    "urllib no network": _OFFLINE, "socket no network": _OFFLINE, "curl no network": _OFFLINE,
    "node module": ("The package left-pad is missing.", "task"),
    "module": ("The Python package pandas is missing.", "task"),
    "environ": ("The variable API_KEY is not set.", "task"), "unbound": ("The variable API_KEY is not set.", "task"),
    "file": _NO_FILE, "file shell": _NO_FILE,
    "memory error": ("it used more than 256 MiB of memory.", "task"),
    "memory killed": ("It needs more memory than it may use.", "task"),
    "disk": ("its files are more than 20 MiB.", "task"), "disk python": ("its files are more than 20 MiB.", "task"),
    "processes": ("It starts more processes than it may.", "task"),
    "threads": ("It starts more processes than it may.", "task"),
    "time limit": ("Stopped at its time limit of 1 s.", "task"),
    "permission python": _LOCKED, "permission write": _LOCKED, "permission shell": _LOCKED,
    "not executable": ("It may not do what it tries.", "task"),
    "command": ("The program pandoc-nope is not there.", "task"),
    "command sh": ("The program jqq is not there.", "task"),
    "syntax python": _UNREADABLE, "syntax shell": _UNREADABLE, "jq": _NOT_JSON, "json": _NOT_JSON,
    "requirements": ("There is no package no-such-package-of-carillon-tests==9 as asked for.", "task"),
    "requirements version": ("There is no package requests==999.0 as asked for.", "task"),
    "exit 1 silent": ("Ended with exit code 1.", "task"), "curl quiet": ("Ended with exit code 7.", "task"),
    "exit 2": ("called in a way they do not know.", "task"), "sigint": ("interrupted, as by Ctrl+C.", "task"),
    "exit 130": ("interrupted, as by Ctrl+C.", "task"), "sigkill": ("had no memory left for it.", "task"),
    "sigsegv": ("touched memory that is not its own", "task"), "sigterm": ("asked to end from outside.", "task"),
    **dict.fromkeys((
        "exit 3 word", "value error", "chained", "zero", "assertion", "type error", "encoding", "recursion", "sys exit",
        "sqlite", "warnings then fail", "curl tls", "ssh refused",
    ), _OWN_WORDS),
}  # fmt: skip
"""What is said of each recorded failure, and on which page something can be done about it."""


def definition(engine="shell", *, network=False, **more):
    return {"engine": engine, "settings": {"network": network, **more}, "limits": dict(_LIMITS)}


def said_of(name):
    ran, failure = RECORDED[name], of_program(name)
    its = definition(ran["engine"], network=ran["network"])
    found = trouble(failure, its)
    case = Case(ran["state"], ran["sentence"], ran["reason"], exit_code=ran["exit_code"], trouble=found)
    return tell(case, NOW), remedies.change(found.kind, found.target, failure.sentence, failure.step, its)


@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_failure_is_known(name):
    told, _ = said_of(name)
    words, way = KNOWN[name]
    assert words in told.lead
    assert told.way == way
    assert told.next_step.endswith(".")


@pytest.mark.parametrize(
    ("name", "label", "changed"),
    [
        ("time limit", "Raise its time limit to 2 min", {"timeout_seconds": 120.0}),
        ("memory error", "Raise its memory limit to 512 MiB", {"memory_bytes": 512 * 1024**2}),
        ("disk python", "Raise its limit of files to 40 MiB", {"disk_bytes": 40 * 1024**2}),
        ("threads", "Raise its limit of processes to 40", {"processes": 40}),
        ("urllib no network", "Let it reach the network", {"network": True}),
        ("module", "Add pandas to its packages", {"requirements": ["pandas"]}),
    ],
)
def test_one_press_mends_what_a_setting_mends(name, label, changed):
    _, change = said_of(name)
    assert change.label == f"{label} and run again"
    assert changed.items() <= {**change.definition["limits"], **change.definition["settings"]}.items()


@pytest.mark.parametrize("name", ["requests refused", "value error", "command", "node module", "requests dns", "file"])
def test_what_no_setting_mends_is_left_to_a_person(name):
    assert said_of(name)[1] is None


def test_an_unknown_module_is_not_offered_as_a_package():
    failure = of("exit_code", "Ended with exit code 1. Last line: “ModuleNotFoundError: No module named 'reqeusts'”.")
    found = trouble(failure, definition("python"))
    assert found.title == "The Python package reqeusts is missing"
    assert remedies.change(found.kind, found.target, failure.sentence, "", definition("python")) is None


def test_a_limit_at_its_end_is_not_raised():
    full = definition() | {"limits": {**_LIMITS, "timeout_seconds": 604_800.0}}
    assert remedies.change("timeout", "", "Stopped at its time limit of 7 d.", "", full) is None


def test_a_step_that_is_too_slow_is_given_more_time_within_its_task():
    steps = [
        {"name": "Fetch", "engine": "http", "settings": {}, "timeout_seconds": 3600.0},
        {"name": "Sum up", "engine": "shell", "settings": {}, "timeout_seconds": 40.0},
    ]
    its = {"engine": "steps", "settings": {}, "steps": steps, "limits": dict(_LIMITS)}
    change = remedies.change("timeout", "", "Sum up: Stopped at its time limit of 40 s.", "Sum up", its)
    assert change.label == "Raise its time limit to 1 min 20 s and run again"
    assert [step["timeout_seconds"] for step in change.definition["steps"]] == [3600.0, 80.0]
    assert change.definition["limits"]["timeout_seconds"] == 80.0
    assert steps[1]["timeout_seconds"] == 40.0
    whole = remedies.change("timeout", "", "The task reached its time limit of 1 min.", "Sum up", its)
    assert whole.definition["limits"]["timeout_seconds"] == 120.0


def test_a_step_names_itself_where_its_cause_is_known():
    failure = of(
        "exit_code", "Send: Ended with exit code 1. Last line: “ModuleNotFoundError: No module named 'pandas'”.",
        "python", step="Send",
    )  # fmt: skip
    steps = [{"name": "Send", "engine": "python", "settings": {"requirements": ["httpx"]}, "timeout_seconds": 60.0}]
    its = {"engine": "steps", "settings": {}, "steps": steps, "limits": dict(_LIMITS)}
    found = trouble(failure, its)
    assert tell(Case("failed", failure.sentence, "exit_code", exit_code=1, trouble=found), NOW).lead == (
        "Send failed. The Python package pandas is missing. It ended with exit code 1."
    )
    change = remedies.change(found.kind, found.target, failure.sentence, "Send", its)
    assert change.definition["steps"][0]["settings"]["requirements"] == ["httpx", "pandas"]


@pytest.mark.parametrize(
    ("reason", "sentence", "kind", "way"),
    [
        ("model_key", "Sonnet refused its key.", "model_key", "models"),
        ("model_away", "Llama: localhost:8099 refused the connection.", "away", "models"),
        ("quota", "The account of Sonnet has used up what it may.", "quota", "models"),
        ("no_secret", "The secret API_KEY does not exist. Set it in Settings, then run again.", "no_secret", "secrets"),
        ("http_status", "api.example.com answered 401 Unauthorized; expected 200-299.", "access", "secrets"),
        ("http_status", "api.example.com answered 404 Not Found; expected 200-299.", "not_found", "task"),
        ("rate_limited", "api.example.com answered 429 Too Many Requests; expected 200-299.", "too_often", ""),
        ("refused", "api.example.com refused the connection.", "away", ""),
        ("tls", "The certificate of api.example.com can't be trusted: it has expired.", "tls", ""),
        ("no_space", "The disk is full: the run could not begin.", "no_space", "workers"),
        ("max_turns", "Stopped after 20 turns, the most this task allows, without an answer.", "max_turns", "task"),
    ],
)
def test_what_carillon_says_itself_is_known(reason, sentence, kind, way):
    found = trouble(of(reason, sentence), definition("http", network=True))
    assert found.kind == kind
    assert tell(Case("failed", sentence, reason, trouble=found), NOW).way == way
    assert tell(Case("failed", sentence, reason, trouble=found), NOW).lead == sentence


def reasons():
    """The reasons of the guide that a run can fail or be held back with."""
    rows = (line.split("|") for line in GUIDE.read_text(encoding="utf-8").splitlines() if line.startswith("| `"))
    ends = {"failed", "blocked", "timed out", "unmet"}
    said = (row[1] for row in rows if {end.strip() for end in row[2].split(",")} & ends)
    return sorted({name for names in said for name in re.findall(r"`([a-z_]+)`", names)})


def test_the_guide_has_reasons():
    assert {"timeout", "memory", "no_secret", "http_status", "model_away", "contract"} <= set(reasons())


@pytest.mark.parametrize("reason", reasons())
def test_every_reason_of_the_guide_has_words_of_what_to_do(reason):
    words, _ = remedies.advice("", "", reason)
    assert words != remedies.advice("", "", "from_a_plug_in")[0]
    assert "{" not in words


def test_every_known_failure_has_a_trouble_or_words_of_its_own():
    assert set(KNOWN) == set(RECORDED)
    assert Trouble() == trouble(of("from_a_plug_in", "It went wrong.", "x"), definition("x"))
