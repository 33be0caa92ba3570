"""A model that runs: effects live in this room alone, and a trace is what leaves it."""
