"""Which agent a task goes to: one file for each strategy, and the pool of agents that they choose from.

Start with `pool.Pool`, which a scheduler keeps, and `lookup.load_strategies`.
"""
