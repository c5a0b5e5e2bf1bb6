"""Words without business: errors, clock, identifiers, registry."""
