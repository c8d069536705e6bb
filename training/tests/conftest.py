"""Puts the training folder on the path: its scripts are run as files, not installed."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
