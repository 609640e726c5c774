"""Stage 5: what an operator needs. Every role tells its figures, and people look at all of it in a browser."""
