"""Measuring a model: running/ runs it and records a trace, summing/ adds the trace up to a report."""
