"""Members of the team and invitations to it."""

from datetime import datetime

from flask import Response, current_app, g
from pydantic import Field

from app.api.resource import In, Out, Resource, nothing
from app.core.errors import NotFound
from app.domain.access import Role
from app.services import teams

api = Resource("members", "Members")


class MemberOut(Out):
    """Somebody who belongs to the team."""

    id: int
    person_id: int
    name: str
    email: str
    role: str
    created_at: datetime = Field(description="Since when")


class MembersOut(Out):
    """Who belongs to the team, by name."""

    items: list[MemberOut]


class RoleIn(In):
    """A role to give."""

    role: Role


class InvitationOut(Out):
    """An open invitation, without its link."""

    id: int
    role: str
    created_at: datetime
    expires_at: datetime


class InvitationsOut(Out):
    """The open invitations, the newest first."""

    items: list[InvitationOut]


class NewInvitationOut(Out):
    """An invitation just made."""

    url: str = Field(description="Send it to the person you invite: it works once, for 7 days, and is shown this once")
    role: str


@api.get("/members")
@api.allow("see")
@api.output(MembersOut)
def list_members() -> MembersOut:
    """List who belongs to the team"""
    return MembersOut(items=_members())


@api.patch("/members/<int:member_id>")
@api.allow("members")
@api.input(RoleIn, example={"role": "editor"})
@api.output(MemberOut)
def change_role(member_id: int, json_data: RoleIn) -> MemberOut:
    """Give a member another role"""
    teams.change_role(g.actor, member_id, json_data.role)
    found = next((member for member in _members() if member.id == member_id), None)
    if found is None:
        raise NotFound
    return found


@api.delete("/members/<int:member_id>")
@api.allow("members")
@api.output({}, status_code=204)
def remove_member(member_id: int) -> Response:
    """Take a member out of the team; their tokens end with it"""
    teams.remove(g.actor, member_id)
    return nothing()


@api.get("/invitations")
@api.allow("members")
@api.output(InvitationsOut)
def list_invitations() -> InvitationsOut:
    """List the open invitations"""
    return InvitationsOut.model_validate({"items": teams.invitations(g.actor)})


@api.post("/invitations")
@api.allow("members")
@api.input(RoleIn, example={"role": "editor"})
@api.output(NewInvitationOut, status_code=201)
def invite(json_data: RoleIn) -> NewInvitationOut:
    """Make an invitation; its link is shown this once"""
    token = teams.invite(g.actor, json_data.role)
    return NewInvitationOut(url=f"{current_app.config['SETTINGS'].url}/invite/{token}", role=json_data.role)


@api.delete("/invitations/<int:invitation_id>")
@api.allow("members")
@api.output({}, status_code=204)
def withdraw_invitation(invitation_id: int) -> Response:
    """Make an invitation's link useless"""
    teams.withdraw(g.actor, invitation_id)
    return nothing()


def _members() -> list[MemberOut]:
    return [
        MemberOut(
            id=one.id, person_id=one.person_id, name=one.person.name, email=one.person.email, role=one.role,
            created_at=one.created_at,
        )
        for one in teams.members(g.actor)
    ]  # fmt: skip
