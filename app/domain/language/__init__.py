"""Reading schedules in plain words: from what was typed to tokens, clauses, and the trigger that is meant."""
