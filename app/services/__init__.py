"""Verbs: one public function is one transaction with its events and audit entry."""
