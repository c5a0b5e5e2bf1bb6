"""An attempt from claim to outcome: every write carries the fencing token, so that only one attempt counts."""
