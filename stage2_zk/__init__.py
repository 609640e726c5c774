"""Stage 2: several agents, and schedulers that elect one of them to give the tasks out."""
