"""What runs after what: circles are named, columns hold the order, and ends come to one verdict, whatever the graph."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import graph, layered
from app.domain.graph import After, Link
from app.domain.lifecycle import ENDED

TASKS = range(8)
links = st.lists(st.tuples(st.sampled_from(TASKS), st.sampled_from(TASKS)), max_size=20)
states = st.sampled_from(sorted(ENDED))


def before(pairs):
    found = {}
    for upstream, task in pairs:
        if upstream not in found.setdefault(task, []):
            found[task].append(upstream)
    return found


def reached(start, steps):
    found, todo = set(), list(steps.get(start, ()))
    while todo:
        task = todo.pop()
        if task not in found:
            found.add(task)
            todo += steps.get(task, ())
    return found


@given(links, st.sampled_from(TASKS))
def test_a_circle_is_found_where_there_is_one_and_each_of_its_steps_is_a_link(pairs, start):
    steps = before(pairs)
    found = graph.cycle(steps, start)
    assert bool(found) == (start in reached(start, steps))
    assert all((earlier, later) in pairs for earlier, later in pairwise(found))
    assert not found or found[0] == found[-1] == start


@given(links)
def test_columns_hold_every_task_once_and_after_those_before_it(pairs):
    steps = before([(one, other) for one, other in pairs if one < other])
    columns = graph.layers(TASKS, steps)
    level = {task: number for number, column in enumerate(columns) for task in column}
    assert sorted(level) == list(TASKS)
    assert all(level[upstream] < level[task] for task, upstreams in steps.items() for upstream in upstreams)


@given(links)
def test_no_two_stand_in_one_place_and_lines_pass_none(pairs):
    found = layered.layout(TASKS, before(pairs))
    places = list(found.places.values())
    assert len(set(places)) == len(places) == len(TASKS)
    passed = [place for line in found.lines.values() for place in line[1:-1]]
    assert not set(passed) & set(places)
    assert all(0 <= row < found.rows and column < found.columns for column, row in [*places, *passed])


@given(
    st.lists(st.tuples(st.sampled_from(["success", "failure", "any"]), st.none() | states), min_size=1, max_size=5),
    st.sampled_from(["all", "any"]) | st.integers(1, 5),
)
def test_a_verdict_never_changes_once_it_is_not_to_wait(ends, join):
    after = After(tuple(Link(task, on) for task, (on, _) in enumerate(ends)), join)
    known = {task: state for task, (_, state) in enumerate(ends) if state}
    verdict = graph.verdict(after, known)
    missing = [link for link in after.links if link.task not in known]
    if verdict == "waits":
        assert missing
        best = known | {link.task: "failed" if link.on == "failure" else "succeeded" for link in missing}
        assert graph.verdict(after, best) == "ready"
    for link in missing:
        for state in ("succeeded", "failed"):
            assert verdict in {"waits", graph.verdict(after, known | {link.task: state})}


@pytest.mark.parametrize(
    ("join", "ons", "words"),
    [
        ("all", ["success"], "when A has succeeded"),
        ("all", ["success", "success"], "when A and B have succeeded"),
        ("any", ["failure", "failure"], "when one of A and B has failed"),
        (2, ["any", "any", "any"], "when 2 of A, B and C have ended, however it went"),
        ("all", ["success", "failure"], "when A has succeeded and B has failed"),
        ("any", ["success", "failure"], "when one of these is true: A has succeeded; B has failed"),
    ],
)
def test_what_a_task_runs_after_is_said(join, ons, words):
    after = After(tuple(Link(task, on) for task, on in enumerate(ons)), join)
    assert graph.in_words(after, {0: "A", 1: "B", 2: "C"}) == words


def test_names_in_expressions_begin_with_a_letter():
    assert [graph.identifier(slug) for slug in ("extract-data", "2024-report")] == ["extract_data", "_2024_report"]


def test_windows_are_said_in_whole_units():
    assert [graph.span(seconds) for seconds in (86_400, 7200, 60, 5400)] == [
        "1 day",
        "2 hours",
        "1 minute",
        "90 minutes",
    ]


def test_a_definition_without_links_is_after_nothing():
    assert not After.of(None)
    assert After.of({"tasks": [{"task": 3}], "join": 4}).needed == 1
