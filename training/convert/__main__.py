"""`python -m training.convert` from the repository, `python -m convert` from this folder's parent."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from convert.cli import main  # noqa: E402 (the path must stand first)

sys.exit(main())
