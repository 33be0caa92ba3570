"""``python -m archscope`` is the command ``archscope``."""

import sys
from pathlib import Path

# Python puts the current folder first: a file there must not take the place of what torch imports.
sys.path[:] = [entry for entry in sys.path if entry and Path(entry).resolve() != Path.cwd()]

from archscope.entry import main  # noqa: E402 - not before

main()
