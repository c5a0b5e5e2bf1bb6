"""Checkpoints and outputs of code: a script that exits with 75, `carillon.save`, and what the next attempt is given."""

import threading
from dataclasses import replace

import pytest

from app.engines import python, shell
from app.engines.base import Cancellation, Checkpoint, CheckpointReached, FilesLeft
from app.infra import sandbox
from app.infra.sandbox_files import walk
from tests.house.source import document
from tests.sandboxes import KINDS, Ran, Runs, started

pytestmark = pytest.mark.sandbox

COUNTS = """\
n=$(cat "$CARILLON_CHECKPOINT" 2>/dev/null || echo 0)
echo "at $n"
[ "$n" -ge 3 ] && exit 0
echo "$n" >> seen.txt
echo $((n + 1)) > "$CARILLON_CHECKPOINT"
exit 75
"""
SAVES = """\
import carillon
state = carillon.checkpoint() or {"done": []}
print("begins with", state)
for part in "abc"[len(state["done"]):]:
    open(part + ".txt", "w").write(part)
    state["done"].append(part)
    carillon.save(state)
    print("saved", part)
"""


@pytest.fixture(scope="module", params=KINDS, ids=["bubblewrap", "without"])
def runs(request):
    with started(request.param) as folder:
        if sandbox.level() < 1:
            pytest.skip(f"no isolation here: {sandbox.isolation()}")
        yield Runs(folder)


class Keeps(Ran):
    """Takes checkpoints with the names of their files, as they are while the code waits."""

    def __init__(self):
        super().__init__(None)
        self.kept = []

    def emit(self, emission):
        if isinstance(emission, CheckpointReached | FilesLeft):
            names = sorted(name for name, _ in walk(emission.workspace) if name not in emission.besides)
            self.kept.append((getattr(emission, "state", {}).get("saved"), names))
        super().emit(emission)


def ran(runs, engine, settings, cancellation=None, **changed):
    request = replace(runs.request(settings), **changed)
    shown = Keeps()
    shown.outcome = engine.run(request, shown.emit, cancellation or Cancellation())
    return shown


def test_a_script_that_has_saved_is_called_again_in_the_same_attempt(runs):
    shown = ran(runs, shell.engine, {"script": COUNTS})
    assert shown.outcome.state == "succeeded", shown.lines
    assert shown.lines == ["at 0", "at 1", "at 2", "at 3"]
    assert shown.kept == [(1, ["seen.txt"]), (2, ["seen.txt"]), (3, ["seen.txt"])]
    assert shown.steps[0] == ["prepare", "run", "collect"]


def test_a_script_goes_on_from_what_an_earlier_attempt_saved(runs, tmp_path):
    seen = tmp_path / "seen"
    seen.write_text("0\n1\n", encoding="utf-8")
    shown = ran(
        runs, shell.engine, {"script": COUNTS}, checkpoint=Checkpoint("saved", {"saved": 2}, {"seen.txt": seen})
    )
    assert shown.lines == ["at 2", "at 3"]
    assert shown.kept == [(3, ["seen.txt"])]


def test_exit_code_75_without_a_checkpoint_is_a_failure_as_any_other(runs):
    shown = ran(runs, shell.engine, {"script": "exit 75"})
    assert (shown.outcome.state, shown.outcome.reason) == ("failed", "exit_code")


def test_a_checkpoint_that_is_no_json_is_told(runs):
    shown = ran(runs, shell.engine, {"script": 'echo "{" > "$CARILLON_CHECKPOINT"; exit 75'})
    assert (shown.outcome.state, shown.outcome.reason) == ("failed", "output")
    assert "checkpoint is no JSON" in shown.outcome.sentence


@pytest.mark.parametrize(
    "script",
    [
        'ln -s /etc/passwd "$CARILLON_CHECKPOINT"; exit 75',
        'mkfifo "$CARILLON_CHECKPOINT"; exit 75',
        'head -c 2000000 /dev/zero > "$CARILLON_CHECKPOINT"; exit 75',
        "rm -r .carillon; ln -s /etc .carillon; exit 75",
    ],
)
def test_what_stands_in_place_of_a_checkpoint_is_not_followed(runs, script):
    shown = ran(runs, shell.engine, {"script": script})
    assert shown.outcome.state == "failed"
    assert shown.kept == []


def test_a_script_that_goes_on_for_ever_ends_at_its_time_limit(runs):
    limits = replace(runs.request({}).limits, timeout_seconds=0.8)
    shown = ran(runs, shell.engine, {"script": 'echo 1 > "$CARILLON_CHECKPOINT"; exit 75'}, limits=limits)
    assert shown.outcome.state == "timed_out"
    assert len(shown.kept) > 2


def test_a_script_that_is_asked_to_stop_stops_once_it_has_saved(runs):
    cancellation = Cancellation()
    threading.Timer(0.3, cancellation.ask, ("person", "after_step")).start()
    shown = ran(runs, shell.engine, {"script": 'echo 1 > "$CARILLON_CHECKPOINT"; exit 75'}, cancellation)
    assert (shown.outcome.state, shown.outcome.reason) == ("cancelled", "person")
    assert shown.kept


def test_what_python_saves_is_stored_while_it_runs(runs):
    shown = ran(runs, python.engine, {"code": SAVES})
    assert shown.outcome.state == "succeeded", shown.lines
    assert shown.kept == [
        ({"done": ["a"]}, ["a.txt"]),
        ({"done": ["a", "b"]}, ["a.txt", "b.txt"]),
        ({"done": ["a", "b", "c"]}, ["a.txt", "b.txt", "c.txt"]),
    ]
    told = [
        getattr(one, "text", "*") for one in shown.emitted if hasattr(one, "text") or isinstance(one, CheckpointReached)
    ]
    stored = [index for index, one in enumerate(told) if one == "*"]
    said = [told.index(f"saved {letter}") for letter in "abc"]
    # A line may be read late, never early.
    assert all(before < after for before, after in zip(stored, said, strict=True))


def test_python_goes_on_from_what_it_saved(runs, tmp_path):
    file = tmp_path / "a"
    file.write_text("a", encoding="utf-8")
    checkpoint = Checkpoint("saved", {"saved": {"done": ["a"]}}, {"a.txt": file})
    shown = ran(runs, python.engine, {"code": SAVES}, checkpoint=checkpoint)
    assert shown.lines == ["begins with {'done': ['a']}", "saved b", "saved c"]
    assert shown.kept[0] == ({"done": ["a", "b"]}, ["a.txt", "b.txt"])


def test_a_save_that_can_not_be_kept_raises_in_the_program(runs):
    code = "import carillon\ntry:\n    carillon.save('x' * 2_000_000)\nexcept ValueError as error:\n    print(error)\n"
    shown = ran(runs, python.engine, {"code": code})
    assert "at most 1,048,576 are kept." in shown.lines[0]
    assert shown.kept == []


def test_threads_save_one_after_the_other(runs):
    code = (
        "import carillon, threading\n"
        "def save(n):\n    carillon.save(n)\n"
        "them = [threading.Thread(target=save, args=(n,)) for n in range(8)]\n"
        "[one.start() for one in them]; [one.join() for one in them]\n"
    )
    shown = ran(runs, python.engine, {"code": code})
    assert shown.outcome.state == "succeeded"
    assert sorted(state for state, _ in shown.kept) == list(range(8))


def test_a_bell_that_is_rung_without_end_holds_up_nothing(runs):
    code = (
        "import os\nbell = os.open(os.path.dirname(os.environ['CARILLON_CHECKPOINT']) + '/bell', os.O_WRONLY)\n"
        "for _ in range(500): os.write(bell, b'!')\nprint('done')\n"
    )
    shown = ran(runs, python.engine, {"code": code})
    assert shown.outcome.state == "succeeded"
    assert "done" in shown.lines
    assert len(shown.lines) < 100


def test_outside_a_step_there_are_no_inputs_and_the_output_goes_nowhere(runs):
    code = "import carillon\nprint(carillon.inputs(), carillon.checkpoint())\ncarillon.output(a=1)\n"
    shown = ran(runs, python.engine, {"code": code})
    assert shown.lines == ["{} None"]
    assert shown.outcome.outputs == {}


def test_a_step_hands_on_what_it_puts_out_and_leaves_its_files(runs):
    code = "import carillon\nopen('x.txt', 'w').write('x')\ncarillon.output(got=carillon.inputs()['fetch']['status'])\n"
    shown = ran(runs, python.engine, {"code": code}, step="count", inputs={"fetch": {"status": 200}})
    assert shown.outcome.outputs == {"got": 200}
    assert shown.kept == [(None, ["x.txt"])]


def test_a_save_takes_a_few_milliseconds(runs):
    code = "import carillon, time\ncarillon.save(0)\nt = time.monotonic()\nfor n in range(20): carillon.save(n)\nprint((time.monotonic() - t) / 20)\n"
    shown = ran(runs, python.engine, {"code": code})
    assert float(shown.lines[-1]) < 0.05, shown.lines


@pytest.mark.parametrize(
    ("language", "engine", "setting"), [("python", python.engine, "code"), ("bash", shell.engine, "script")]
)
def test_the_examples_of_the_guide_work(runs, language, engine, setting):
    part = document("docs/guide.md").partition("### Checkpoints in scripts")[2].partition("\n## ")[0]
    example = part.partition(f"```{language}\n")[2].partition("```")[0]
    shown = ran(runs, engine, {setting: example})
    assert shown.outcome.state == "succeeded", shown.lines
    assert (len(shown.lines), len(shown.kept)) == (3, 3)
