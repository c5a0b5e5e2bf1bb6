"""Rows that know themselves and their children."""
