"""HTML over the wire."""
