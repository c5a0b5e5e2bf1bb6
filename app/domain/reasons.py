"""Why planned runs did not happen, in words: one for each reason such a run can carry."""

_WORDS = {
    "overlap": "the run before it was still going",
    "overlap_full": "enough were waiting already",
    "paused": "the task was paused",
    "calendar": "a calendar left it out",
    "time": "its time had not come",
    "upstream": "a task before it did not end as it must",
    "schedule_changed": "the schedule was changed first",
    "grace": "too late: its grace had passed",
    "misfire_latest": "only the latest was made up for",
    "misfire_skip": "late times are left out",
    "misfire_cap": "more than are made up for",
    "folded": "a long time without Carillon",
    "no_isolation": "no worker confines code enough",
    "no_engine": "its type is not installed",
    "variables": "a variable has no value",
    "no_secret": "a secret is not set",
    "no_owner": "who made its task has left the team",
    "secret": "a secret can't be used this way",
    "wrong_key": "a secret can't be opened",
    "restored": "Carillon was restored from a backup",
    "settings": "its settings no longer hold",
    "breaker": "what it needs was left alone",
    "budget": "too little was left of its budget",
    "plan": "the plan allows no more",
    "inner_address": "the address is inside the network",
}


def words(reason: str) -> str:
    """Say a reason in a few words; one without words of its own is said as it is written."""
    return _WORDS.get(reason) or reason.replace("_", " ") or "no reason given"
