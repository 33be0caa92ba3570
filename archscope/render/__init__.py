"""Reports, comparisons and verdicts as text, files and figures; nothing here measures."""
