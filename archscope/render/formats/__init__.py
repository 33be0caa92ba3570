"""One file a format, each with its ``FORMATS``: what lies here is what ``--md FILE`` and the like can write."""
