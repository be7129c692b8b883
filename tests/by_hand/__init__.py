"""Data of a few rows whose answers are worked out on paper, as fractions."""
