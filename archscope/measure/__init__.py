"""From a model to a report: one room runs it (running), one sums up what was seen (summing)."""
