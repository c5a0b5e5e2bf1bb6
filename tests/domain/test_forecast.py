"""Estimates of runs: what history says of how long, at what cost and risk, and that it says how much it knows."""

import json
import math
import random
from datetime import UTC, datetime, timedelta

import pytest

from app.domain.forecast import Ended, Estimate, Learner, Planned

START = datetime(2026, 1, 5, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def ended(task, at, seconds, outcome="succeeded", cost=None, tokens=None, **given):
    return Ended(task, at, seconds, outcome, cost, tokens, *kind(given), given)


def planned(task, at, **given):
    return Planned(task, at, *kind(given), given)


def kind(given):
    return given.pop("engine", "python"), given.pop("template", None), given.pop("version", 1)


def taught(*rows):
    learner = Learner()
    for row in rows:
        learner.learn(row)
    return learner


def noisy(middle, spread, source):
    return middle * math.exp(source.gauss(0, spread))


def test_before_a_teams_first_run_nothing_is_said():
    assert Learner().estimate(planned("a", START), START) == Estimate()
    assert Learner().calibration().n == 0
    assert Learner().calibration().below_p90 is None


# --- how long


def test_the_usual_length_is_that_of_most_runs_and_not_the_mean_of_all():
    lengths = [60.0] * 14 + [3600.0] * 6
    random.Random(1).shuffle(lengths)
    learner = taught(*(ended("a", START + DAY * i, length) for i, length in enumerate(lengths)))
    found = learner.estimate(planned("a", START + DAY * 20), START + DAY * 20)
    assert found.typical_seconds == pytest.approx(60, rel=0.1)
    assert found.p10_seconds <= found.p50_seconds <= found.p90_seconds
    assert found.p90_seconds > 1000


def test_an_input_that_is_larger_takes_longer():
    source = random.Random(2)
    rows = []
    for i in range(150):
        count = int(noisy(1000, 1, source))
        rows.append(ended("a", START + HOUR * 6 * i, noisy(0.1 * count, 0.1, source), rows=count))
    learner, at = taught(*rows), START + HOUR * 6 * 150
    small, large = (learner.estimate(planned("a", at, rows=count), at).typical_seconds for count in (400, 3000))
    assert small == pytest.approx(40, rel=0.3)
    assert large == pytest.approx(300, rel=0.3)


def test_a_text_and_the_hour_tell_two_kinds_of_runs_apart():
    source = random.Random(3)
    rows = []
    for i in range(200):
        at = START + HOUR * 5 * i
        mode = source.choice(["delta", "full"])
        middle = (30 if mode == "delta" else 300) * (3 if at.hour >= 12 else 1)
        rows.append(ended("a", at, noisy(middle, 0.1, source), mode=mode))
    learner, day = taught(*rows), START + DAY * 42
    for mode, hour, seconds in (("delta", 6, 30), ("full", 6, 300), ("delta", 18, 90), ("full", 18, 900)):
        found = learner.estimate(planned("a", day + HOUR * hour, mode=mode), day)
        assert found.typical_seconds == pytest.approx(seconds, rel=0.35), (mode, hour)


def test_a_new_version_that_is_quicker_is_believed_after_a_few_runs():
    source = random.Random(4)
    old = [ended("a", START + DAY * i, noisy(600, 0.1, source), version=1) for i in range(40)]
    new = [ended("a", START + DAY * (40 + i), noisy(60, 0.1, source), version=2) for i in range(4)]
    found = taught(*old, *new).estimate(planned("a", START + DAY * 44, version=2), START + DAY * 44)
    assert found.typical_seconds == pytest.approx(60, rel=0.3)


def test_the_range_holds_nine_of_ten_while_the_task_slows_down():
    source, learner, held = random.Random(5), Learner(), []
    for i in range(600):
        at, seconds = START + HOUR * 8 * i, noisy(30 * 1.004**i, 0.3, source)
        held.append(seconds <= (learner.estimate(planned("a", at), at).p90_seconds or math.inf))
        learner.learn(ended("a", at, seconds))
    assert 0.86 <= sum(held[100:]) / 500 <= 0.94
    calibration = learner.calibration()
    assert calibration.n == 598
    assert calibration.below_p90 == pytest.approx(sum(held[2:]) / 598)
    assert 0.75 <= calibration.inside <= 0.85


# --- how much is known


def test_it_says_from_how_many_runs_it_guesses():
    rows = [ended("a", START + DAY * i, 60) for i in range(12)]
    now = START + DAY * 12
    assert taught(*rows[:1]).estimate(planned("a", now), now).basis == "a guess from 1 run"
    assert taught(*rows[:3]).estimate(planned("a", now), now).basis == "a guess from 3 runs"
    assert taught(*rows).estimate(planned("a", now), now).basis == "from 12 runs"
    assert taught(*rows).estimate(planned("b", now), now).basis == "a guess from similar tasks"
    late = now + DAY * 89
    assert taught(*rows).estimate(planned("a", late), late).basis == "from 12 runs, the last 90 days ago"


def test_a_new_task_is_guessed_from_those_of_its_template_or_engine():
    source, rows = random.Random(6), []
    for i in range(240):
        number = i % 24
        is_report = number % 2
        rows.append(
            ended(
                f"task-{number}",
                START + HOUR * i,
                noisy(200 if is_report else 2, 0.2, source),
                engine="agent" if is_report else "http",
                template="report" if is_report else None,
            )
        )
    learner, at = taught(*rows), START + HOUR * 240
    found = learner.estimate(planned("new", at, engine="agent", template="report"), at)
    assert found.typical_seconds == pytest.approx(200, rel=0.5)
    assert learner.estimate(planned("new", at, engine="http"), at).typical_seconds == pytest.approx(2, rel=0.5)


def test_two_runs_of_its_own_say_more_than_many_of_others():
    source = random.Random(7)
    others = [ended(f"other-{i % 20}", START + HOUR * i, noisy(10 * (1 + i % 20), 0.1, source)) for i in range(200)]
    own = [ended("a", START + HOUR * (200 + i), 5000) for i in range(2)]
    found = taught(*others, *own).estimate(planned("a", START + HOUR * 202), START + HOUR * 202)
    assert found.typical_seconds == pytest.approx(5000, rel=0.2)


# --- risk


def failing_in_the_afternoon():
    source = random.Random(8)
    for i in range(240):
        at = START + HOUR * 6 * i + timedelta(minutes=20)
        is_bad = at.hour == 12 and source.random() < 0.7
        yield ended("a", at, noisy(60, 0.1, source), "failed" if is_bad else "succeeded")


def test_a_risk_that_comes_with_an_hour_is_seen_and_named():
    learner, day = taught(*failing_in_the_afternoon()), START + DAY * 60
    noon, night = (learner.estimate(planned("a", day + HOUR * hour), day) for hour in (12, 0))
    assert noon.p_fail > 0.25
    assert night.p_fail < 0.1
    assert noon.cause.startswith("around 12:00 UTC (")
    assert not night.cause


def test_a_risk_that_comes_with_a_value_is_named_by_it():
    rows = [
        ended("a", START + DAY * i, 60, "failed" if i % 4 == 3 else "succeeded", region="ap" if i % 4 == 3 else "eu")
        for i in range(40)
    ]
    found = taught(*rows).estimate(planned("a", START + DAY * 40, region="ap"), START + DAY * 40)
    assert found.cause == "with region “ap” (10 of 10 failed, else 0 of 30)"


def test_what_just_failed_three_times_is_likelier_to_fail_than_what_did_not():
    fine = [ended("a", START + HOUR * i, 60) for i in range(30)]
    broken = [*fine, *(ended("a", START + HOUR * (30 + i), 5, "failed") for i in range(3))]
    good, bad = (taught(*rows).estimate(planned("a", START + DAY * 2), START + DAY * 2) for rows in (fine, broken))
    assert good.p_fail < 0.06
    assert bad.p_fail > 0.2


def test_the_risk_that_is_said_is_the_share_that_fails():
    source, learner, said = random.Random(9), Learner(), 0.0
    for i in range(1000):
        number = i % 10
        at = START + HOUR * i
        said += learner.estimate(planned(f"t{number}", at), at).p_fail or 0.0
        outcome = "failed" if source.random() < number * 0.05 else "succeeded"
        learner.learn(ended(f"t{number}", at, 60, outcome))
    assert said / 1000 == pytest.approx(0.225, abs=0.04)
    calibration = learner.calibration()
    assert calibration.brier < 0.18
    assert sum(one.n for one in calibration.bins) == calibration.judged == 980
    assert all(abs(one.said - one.failed) < 0.12 for one in calibration.bins if one.n > 60)


def test_a_failure_that_never_comes_twice_soon_raises_no_alarm():
    """What just failed would be called at risk; that it turned out otherwise again and again corrects it."""
    source, learner, failed, said = random.Random(7), Learner(), set(), []
    for i in range(1200):
        task, at = f"t{i % 20}", START + HOUR * i
        risk = learner.estimate(planned(task, at), at).p_fail or 0.0
        if i >= 600:
            said.append(risk)
        is_failing = task not in failed and source.random() < 0.05
        failed = failed - {task} | ({task} if is_failing else set())
        learner.learn(ended(task, at, 60, "failed" if is_failing else "succeeded"))
    assert sum(said) / len(said) == pytest.approx(0.05, abs=0.015)
    assert sum(risk >= 0.1 for risk in said) < 30
    stored = learner.as_dict()
    assert Learner.of(json.loads(json.dumps(stored))).as_dict()["risk"] == stored["risk"]
    del stored["risk"]["off"]  # as releases before it have stored it
    assert Learner.of(stored).estimate(planned("t1", at), at).p_fail is not None


def test_a_cancelled_run_is_neither_a_success_nor_a_failure():
    rows = [ended("a", START + HOUR * i, 60, "cancelled") for i in range(5)]
    learner = taught(*rows)
    found = learner.estimate(planned("a", START + DAY), START + DAY)
    assert found.p_fail is None
    assert found.typical_seconds == pytest.approx(60)
    assert learner.calibration().judged == 0


# --- cost and tokens


def test_cost_and_tokens_are_estimated_where_they_are_known():
    source = random.Random(10)
    rows = [
        ended("a", START + HOUR * i, 60, cost=round(noisy(90_000, 0.2, source)), tokens=round(noisy(4000, 0.2, source)))
        for i in range(40)
    ]
    found = taught(*rows).estimate(planned("a", START + DAY * 2), START + DAY * 2)
    assert found.cost_micros == pytest.approx(90_000, rel=0.15)
    assert found.tokens == pytest.approx(4000, rel=0.15)
    assert found.cost_range.p10 < found.cost_range.p50 < found.cost_range.p90 < 160_000
    free = taught(ended("a", START, 60)).estimate(planned("a", START), START)
    assert (free.cost_micros, free.tokens, free.cost_range) == (None, None, None)


def test_what_never_cost_anything_is_not_said_to_cost_what_others_do():
    agents = [ended("asker", START + HOUR * i, 60, cost=90_000, tokens=4000, engine="agent") for i in range(20)]
    steps = [ended("steps", START + HOUR * i, 60, engine="steps") for i in range(3)]
    found = taught(*agents, *steps).estimate(planned("steps", START + DAY, engine="steps"), START + DAY)
    assert (found.cost_micros, found.tokens) == (None, None)


def test_steps_that_took_the_place_of_an_agent_cost_nothing_any_more():
    agents = [ended("a", START + HOUR * i, 60, cost=90_000, tokens=4000, engine="agent") for i in range(20)]
    learner = taught(*agents, ended("a", START + HOUR * 20, 5, engine="steps"))
    now = START + DAY
    assert learner.estimate(planned("a", now, engine="steps"), now).tokens is None
    assert learner.estimate(planned("a", now, engine="agent"), now).tokens == pytest.approx(4000, rel=0.1)


# --- odd values


@pytest.mark.parametrize(
    "odd", [float("nan"), float("inf"), 10**400, None, {"a": 1}, [1], "", "x" * 10_000, True, -5, 0]
)
def test_odd_values_are_borne(odd):
    learner = taught(*(ended("a", START + HOUR * i, 60, given=odd if i % 2 else 3) for i in range(12)))
    found = learner.estimate(planned("a", START + DAY, given=odd), START + DAY)
    assert found.typical_seconds == pytest.approx(60, rel=0.01)
    assert json.loads(json.dumps(learner.as_dict(), allow_nan=False))


def test_numbers_beyond_all_measure_stay_numbers():
    source = random.Random(12)
    sizes = [10.0 ** source.randrange(1, 9) for _ in range(60)]
    learner = taught(*(ended("a", START + HOUR * i, size, size=size) for i, size in enumerate(sizes)))
    found = learner.estimate(planned("a", START + DAY * 3, size=1e300), START + DAY * 3)
    assert 1e8 < found.p10_seconds <= found.p50_seconds <= found.p90_seconds < math.inf


def test_names_that_come_later_and_names_that_are_gone_are_borne():
    rows = [ended("a", START + HOUR * i, 60, **{f"name{i}": i}) for i in range(30)]
    learner = taught(*rows)
    assert learner.estimate(planned("a", START + DAY * 2, unheard="of"), START).typical_seconds == pytest.approx(60)


def test_a_run_of_no_time_and_one_learned_out_of_order_are_borne():
    learner = taught(ended("a", START + DAY, 0.0), ended("a", START, 2.0), ended("a", START - DAY, 1.0))
    assert learner.estimate(planned("a", START), START).p90_seconds > 0


# --- kept


def many(count, tasks):
    source = random.Random(11)
    for i in range(count):
        number = i % tasks
        outcome = "failed" if source.random() < 0.1 else "succeeded"
        given = {"rows": source.randrange(10**6), "region": source.choice(["eu", "us"])} if number % 3 == 0 else {}
        paid = {"cost": source.randrange(10**5), "tokens": source.randrange(10**4)} if number % 4 == 0 else {}
        yield ended(f"task-{number}", START + HOUR * i, noisy(60 + number, 0.5, source), outcome, **paid, **given)


def test_what_was_learned_comes_back_from_json_and_goes_on_alike():
    rows = list(many(600, 12))
    learner = taught(*rows[:500])
    again = Learner.of(json.loads(json.dumps(learner.as_dict())))
    for row in rows[500:]:
        learner.learn(row)
        again.learn(row)
    at = START + HOUR * 600
    for number in range(12):
        asked = planned(f"task-{number}", at, **({"rows": 1000, "region": "eu"} if number % 3 == 0 else {}))
        one, other = learner.estimate(asked, at), again.estimate(asked, at)
        assert one.basis == other.basis == "from 50 runs"
        assert one.typical_seconds == pytest.approx(other.typical_seconds, rel=0.1)
        assert one.p90_seconds == pytest.approx(other.p90_seconds, rel=0.1)
        assert one.p_fail == pytest.approx(other.p_fail, abs=0.03)
    assert learner.calibration().n == again.calibration().n


def test_what_is_kept_stays_within_25_bytes_a_run():
    learner = Learner(room=1200)
    for row in many(1500, 50):
        learner.learn(row)
    kept = learner.as_dict()
    assert sum(len(one["duration"]) for one in kept["history"]["tasks"].values()) == 1200
    assert len(json.dumps(kept, separators=(",", ":"))) < 25 * 1200


def test_tasks_that_ran_least_lately_are_forgotten_first():
    learner = Learner(room=80)
    for i in range(30):
        learner.learn(ended(f"task-{i}", START + HOUR * i, 60))
    assert len(learner.as_dict()["history"]["tasks"]) == 10
    now = START + DAY * 2
    assert learner.estimate(planned("task-0", now), now).basis == "a guess from similar tasks"
    assert learner.estimate(planned("task-29", now), now).basis == "a guess from 1 run"


def test_asking_teaches_nothing():
    learner = taught(*many(60, 3))
    before = json.dumps(learner.as_dict())
    for i in range(5):
        learner.estimate(planned(f"task-{i}", START, unheard=i), START)
    assert json.dumps(learner.as_dict()) == before
