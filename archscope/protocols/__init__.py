"""Outputs whose form others fix: SARIF, JUnit XML and GitHub annotations for CI, and the interactive page."""
