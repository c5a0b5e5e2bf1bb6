"""Alert rules of a team: when whom to tell on which channel, and what a rule would have sent lately."""

from datetime import datetime
from typing import Any

from flask import Response, g
from pydantic import Field

from app.api.idempotency import once
from app.api.resource import Empty, In, Out, Resource, nothing
from app.services import rules
from app.services.rules import Line, Wanted

api = Resource("rules", "Alert rules")

_WHO = "`owner` (of the task), `person:<id>` or `channel:<id>`, as `choices` has them"
_EXAMPLE = {"name": "Nights", "events": ["failed"], "tell": ["owner"]}


class AlertRuleIn(In):
    """When to tell whom."""

    name: str = Field(min_length=1, max_length=80)
    events: list[str] = Field(max_length=30, description="Like failed, unmet, not_started: the glossary has them all")
    tell: list[str] = Field(max_length=200, description=_WHO)
    tasks: list[str] = Field([], max_length=500, description="Slugs; without tasks and tags it is about all")
    tags: list[str] = Field([], max_length=20, description="Or all tasks that have one of them")
    after: int = Field(1, ge=1, le=rules.MOST_FAILURES, description="Failures in a row")
    is_each: bool = Field(False, description="Tell every further failure, too")
    tells_end: bool = Field(True, description="Tell the same when it is over")
    digest_at: str = Field("", max_length=5, description="Tell once a day at this local time, 17:00")
    quiet_since: str = Field("", max_length=5, description="Send nothing from this local time on, 22:00")
    quiet_until: str = Field("", max_length=5, description="And all of it at this one, 07:00")
    zone: str = Field("UTC", max_length=64, description="The time zone of those times")
    escalates_after: int = Field(0, ge=0, le=rules.MOST_MINUTES, description="Minutes without reaction; 0: never")
    escalates_to: list[str] = Field([], max_length=200, description=_WHO)


class AlertRuleOut(AlertRuleIn, Out):
    """An alert rule."""

    id: int
    is_on: bool
    sentence: str = Field(description="The same in words")
    created_at: datetime
    changed_at: datetime


class AlertRulesOut(Out):
    """The team's rules, by name, and whom a rule can tell."""

    items: list[AlertRuleOut]
    choices: dict[str, str] = Field(description="Whom a rule can tell: a key to send, and the name behind it")


class WouldSendOut(Out):
    """A message that would have been sent."""

    at: datetime
    to: str
    sentences: list[str]


class RulePreviewOut(Out):
    """What a rule would have sent in the last 30 days, the newest first."""

    messages: list[WouldSendOut]
    days: dict[str, int] = Field(description="Messages a day, in the zone of the rule")
    is_cut: bool = Field(description="There was more than is looked at")


@api.get("/alert-rules")
@api.allow("see")
@api.output(AlertRulesOut)
def list_alert_rules() -> AlertRulesOut:
    """List the alert rules, and whom a rule can tell"""
    items = [_shown(line) for line in rules.lines(g.actor)]
    return AlertRulesOut.model_validate({"items": items, "choices": dict(rules.choices(g.actor).tell)})


@api.post("/alert-rules")
@api.allow("manage")
@api.input(AlertRuleIn, example=_EXAMPLE)
@api.output(AlertRuleOut, status_code=201)
@once
def create_alert_rule(json_data: AlertRuleIn) -> AlertRuleOut:
    """Make an alert rule; it holds from now on"""
    return AlertRuleOut.model_validate(_shown(rules.create(g.actor, _wanted(json_data))))


@api.post("/alert-rules/preview")
@api.allow("manage")
@api.input(AlertRuleIn, example=_EXAMPLE)
@api.output(RulePreviewOut)
def preview_alert_rule(json_data: AlertRuleIn) -> RulePreviewOut:
    """See what a rule would have sent in the last 30 days; nothing is saved"""
    return RulePreviewOut.model_validate(rules.preview(g.actor, _wanted(json_data)))


@api.get("/alert-rules/<int:rule_id>")
@api.allow("see")
@api.output(AlertRuleOut)
def read_alert_rule(rule_id: int) -> AlertRuleOut:
    """Read an alert rule"""
    return _read(rule_id)


@api.put("/alert-rules/<int:rule_id>")
@api.allow("manage")
@api.input(AlertRuleIn, example=_EXAMPLE)
@api.output(AlertRuleOut)
def change_alert_rule(rule_id: int, json_data: AlertRuleIn) -> AlertRuleOut:
    """Change an alert rule"""
    rules.change(g.actor, rule_id, _wanted(json_data))
    return _read(rule_id)


@api.post("/alert-rules/<int:rule_id>/on")
@api.allow("manage")
@api.input(Empty)
@api.output(AlertRuleOut)
def turn_alert_rule_on(rule_id: int, json_data: Empty) -> AlertRuleOut:  # noqa: ARG001 nothing is sent
    """Let an alert rule hold"""
    rules.turn(g.actor, rule_id, is_on=True)
    return _read(rule_id)


@api.post("/alert-rules/<int:rule_id>/off")
@api.allow("manage")
@api.input(Empty)
@api.output(AlertRuleOut)
def turn_alert_rule_off(rule_id: int, json_data: Empty) -> AlertRuleOut:  # noqa: ARG001 nothing is sent
    """Let an alert rule tell nobody"""
    rules.turn(g.actor, rule_id, is_on=False)
    return _read(rule_id)


@api.delete("/alert-rules/<int:rule_id>")
@api.allow("manage")
@api.output({}, status_code=204)
def delete_alert_rule(rule_id: int) -> Response:
    """Delete an alert rule"""
    rules.delete(g.actor, rule_id)
    return nothing()


@api.post("/alert-rules/<int:rule_id>/recovery")
@api.allow("manage")
@api.output(AlertRuleOut)
def recover_alert_rule(rule_id: int) -> AlertRuleOut:
    """Take back that an alert rule was deleted"""
    rules.recover(g.actor, rule_id)
    return _read(rule_id)


def _read(rule_id: int) -> AlertRuleOut:
    return AlertRuleOut.model_validate(_shown(rules.find(g.actor, rule_id)))


def _wanted(given: AlertRuleIn) -> Wanted:
    return Wanted(**given.model_dump())


def _shown(line: Line) -> dict[str, Any]:
    return {**line.wanted.__dict__, **{name: value for name, value in line.__dict__.items() if name != "wanted"}}
