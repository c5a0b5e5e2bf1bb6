"""What carries out a step: http, python, shell."""
