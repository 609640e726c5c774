"""Stage 1: one Redis, one agent. A task pushed into Redis by hand runs, and its end is stored."""
