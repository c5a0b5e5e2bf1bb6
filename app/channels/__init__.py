"""Ways to tell people outside: one module each."""
