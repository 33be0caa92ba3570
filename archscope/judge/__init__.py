"""Reports in, verdicts out."""
