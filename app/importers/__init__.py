"""Importers: one module a format of exported conversations, and the reading of the files they come in."""
