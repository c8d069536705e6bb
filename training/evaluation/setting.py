"""The frame of the evaluation: one configuration for all sections, and what may be absent."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from corpus_speech import shared_data


@dataclass(frozen=True)
class Setting:
    """What every section is measured with. `limit` shortens every list (None: all of it)."""

    work: Path
    """An existing folder for what is thrown away afterwards."""
    backend: str = "wasm"
    steps: str = "1,4"
    seed: int = 1
    models: Path | None = None
    """Folder of the model files; None for the shipped ones."""
    limit: int | None = None
    report: Path | None = None
    """An existing folder in which sections leave the arrays and pictures that the report shows; None: no report."""
    processes: int = 2
    """Command lines that run side by side in `jobs.emitted`."""
    minutes: float = 10.0
    """Length of the free run of bodies; 0 for none."""

    def options(self) -> list[str]:
        """The configuration as options of the command line."""
        found = ["--backend", self.backend, "--steps", str(self.steps), "--seed", str(self.seed)]
        return found + (["--models", str(self.models.resolve())] if self.models else [])


class Missing(Exception):
    """Something that a section needs is not on this machine; the message says what, and how to get it."""


def data_folder() -> Path:
    """The folder of recordings; raises `Missing`."""
    folder = shared_data()
    if folder is None:
        raise Missing("the recordings are absent: put them in ../shared/data, or set DUOLOGUE_SHARED")
    return folder
