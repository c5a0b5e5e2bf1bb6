"""What past runs tell: lengths of time added up, periods in the reader's days, and answers to questions."""
