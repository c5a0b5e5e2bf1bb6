"""REST v1: what the pages do, for programs; JSON in and out, by token."""
