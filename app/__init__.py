"""Carillon: scheduled work that can be trusted."""
