"""Tests of hostile input use what the tests of other rooms have made: those modules know one another by bare names."""

import sys
from pathlib import Path

for _folder in ("compute", "files", "meter", "service", "setup"):
    sys.path.append(str(Path(__file__).parents[1] / _folder))
