"""Judgements on reports: comparison, budgets, lock, claims, reduction plans, sweeps, cross-checks."""
