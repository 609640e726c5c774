"""The questions that scenarios ask, by what they are about."""
