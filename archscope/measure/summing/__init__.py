"""Adding up a trace to a report, in integers; nothing here runs a model."""
