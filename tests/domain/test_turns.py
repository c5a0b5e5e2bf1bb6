"""Which channels send now: a team with many slow ones, or a host that is away, leaves room for others."""

from app.domain.turns import KEPT_FREE, MOST, OF_HOST, OF_TEAM, Waiting, turns


def of(team, count, host=None):
    return [Waiting(f"channel:{team}-{host}-{number}", team, host or f"{team}-{number}") for number in range(count)]


def teams(chosen):
    return [one.team_id for one in chosen]


def test_a_team_with_many_holds_its_part_and_no_more():
    noisy, other = of(1, 500), of(2, 1)
    chosen = turns(noisy + other, [])
    assert teams(chosen) == [1, 2, *[1] * (OF_TEAM - 1)]
    assert chosen[0] == noisy[0]
    assert turns(noisy, chosen) == []


def test_places_are_kept_for_teams_that_hold_none():
    noisy = [one for team in range(1, 9) for one in of(team, 100)]
    going = turns(noisy, [])
    assert len(going) == MOST - KEPT_FREE
    assert teams(turns(noisy + of(10, 3) + of(11, 1), going)) == [10, 11]


def test_who_holds_the_fewest_comes_first():
    going = of(1, 3, "a") + of(2, 1, "b")
    assert teams(turns(of(1, 3, "c") + of(2, 3, "d"), going))[:3] == [2, 2, 1]


def test_a_host_that_is_away_holds_half_of_all():
    away = [one for team in range(40) for one in of(team, 1, "hooks.slack.example")]
    chosen = turns(away + of(50, 1, "mail"), [])
    assert [one.host for one in chosen].count("hooks.slack.example") == OF_HOST
    assert chosen[-1].host == "mail"


def test_what_goes_nobody_knows_where_is_not_taken_for_one_host():
    slow = [one for team in (1, 2) for one in of(team, OF_TEAM)]
    going = [Waiting(one.channel, one.team_id, "") for one in slow]
    assert len(going) == OF_HOST
    assert teams(turns([Waiting("channel:other", 3, "")], going)) == [3]


def test_a_channel_sends_one_message_at_a_time():
    one = of(1, 1)
    assert turns(one, one) == []
