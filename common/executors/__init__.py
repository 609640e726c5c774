"""How tasks are run, by type: SHELL, PYTHON, and whatever entry points or settings add.

Start with `lookup.load_executors`. `process.run_process` is the heart: one process group, run to its end.
"""
