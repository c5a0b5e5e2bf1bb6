"""What leaves Carillon in the formats of others: values in, text out."""
