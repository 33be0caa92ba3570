"""Run a model once (tracing, the only module that does) and find what it costs (analysis, pure)."""
