"""Where things lie: the repository, the data of the tests, and the installed command."""

from __future__ import annotations

import sysconfig
from pathlib import Path

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"
COMMAND = str(Path(sysconfig.get_path("scripts")) / "archscope")
