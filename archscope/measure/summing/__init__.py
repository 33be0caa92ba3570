"""From a trace to a report: pure sums of integers."""
