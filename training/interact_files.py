"""The files of the InterAct data set: which sequences there are, their faces and sounds, and what is wrong with them.

Read from a folder as published: `bvhs/`, `face_arkit/`, `face_ict/`, `wav/` with `<date>_<actor>_<scenario>.<ext>`,
`scenarios.db`, `actors.db`, `lip_acc/`. The card names no wav rate, no array type and not how `lip_acc/` is laid out
inside: all three are read from the files. Arrays are .npy, 30 frames/s.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import resample_poly

from corpus_speech import RATE_HZ

NO_FACE = frozenset({"20240126_006_034"})
"""Recordings whose face files are known to be missing (the card's errata)."""

STEM = re.compile(r"^(?P<date>\d{8})_(?P<actor>\d+)_(?P<scenario>\d+)$")
FOLDERS = ("bvhs", "wav")


class DatasetError(Exception):
    """Something in the data set is missing, broken or not what the card says: what, where, got, expected, next move."""

    def __init__(self, what: str, where: object, got: object, expected: object, move: str):
        super().__init__(f"{what}\n  where:    {where}\n  got:      {got}\n  expected: {expected}\n  next:     {move}")
        self.what = what


@dataclass(frozen=True)
class Recording:
    """One actor's files of one sequence; a face file is None where there is none."""

    stem: str
    actor: str
    bvh: Path
    wav: Path
    arkit: Path | None
    ict: Path | None


@dataclass(frozen=True)
class Sequence:
    """Two actors in one scenario."""

    date: str
    scenario: int
    persons: tuple[Recording, Recording]

    @property
    def name(self) -> str:
        """<date>_<scenario>, as the data set's renders are named."""
        return f"{self.date}_{self.persons[0].stem.rsplit('_', 1)[1]}"

    @property
    def pair(self) -> tuple[str, str]:
        """The ids of both actors."""
        return self.persons[0].actor, self.persons[1].actor


def check_folder(root: Path) -> None:
    """Raises DatasetError where a folder is not the data set."""
    wanted = [root / name for name in (*FOLDERS, "scenarios.db", "actors.db")]
    missing = [path.name for path in wanted if not path.exists()]
    if not any((root / name).is_dir() for name in ("face_arkit", "face_ict")):
        missing.append("face_arkit or face_ict")
    if missing:
        got = "no such folder" if not root.is_dir() else f"without {', '.join(missing)}"
        move = "give --data the folder that holds bvhs/, wav/, face_arkit/, scenarios.db and actors.db"
        raise DatasetError("this is not the InterAct data set", root, got, "the folder as published", move)


def recordings(root: Path) -> tuple[list[Recording], list[str]]:
    """All recordings that have motion and sound, and what was left out and why."""
    stems: dict[str, Path] = {}
    notes = []
    for path in sorted((root / "bvhs").glob("*.bvh")):
        if STEM.match(path.stem):
            stems[path.stem] = path
        else:
            notes.append(f"bvhs/{path.name}: not named <date>_<actor>_<scenario>.bvh")
    out = []
    for stem, bvh in stems.items():
        wav = root / "wav" / f"{stem}.wav"
        if not wav.exists():
            notes.append(f"{stem}: wav/{wav.name} is missing")
            continue
        faces = [root / name / f"{stem}.npy" for name in ("face_arkit", "face_ict")]
        arkit, ict = (path if path.exists() else None for path in faces)
        if arkit is None and ict is None and stem not in NO_FACE:
            notes.append(f"{stem}: no face (only {', '.join(NO_FACE)} is known to have none); used for bodies alone")
        match = STEM.match(stem)
        assert match
        out.append(Recording(stem, match["actor"].zfill(3), bvh, wav, arkit, ict))
    if not out:
        raise DatasetError(
            "no recordings",
            root / "bvhs",
            "; ".join(notes[:3]) or "an empty folder",
            "<date>_<actor>_<scenario>.bvh with a wav of the same name",
            "fetch bvhs/ and wav/ as a whole",
        )
    return out, notes


def sequences(found: list[Recording], sessions: dict[str, list[tuple[str, str]]]) -> tuple[list[Sequence], list[str]]:
    """Recordings joined to pairs by `sessions` (date -> pairs of male and female id), and what was left out."""
    groups: dict[tuple[str, int], dict[str, Recording]] = {}
    for one in found:
        date, _, scenario = one.stem.split("_")
        groups.setdefault((date, int(scenario)), {})[one.actor] = one
    out, notes = [], []
    for (date, scenario), actors in sorted(groups.items()):
        left = set(actors)
        for pair in sessions.get(date, []):
            if set(pair) <= left:
                out.append(Sequence(date, scenario, (actors[pair[0]], actors[pair[1]])))
                left -= set(pair)
        for actor in sorted(left):
            known = ", ".join("+".join(p) for p in sessions.get(date, [])) or "none"
            notes.append(f"{actors[actor].stem}: no partner by actors.db (pairs of that day: {known})")
    return out, notes


def read_array(path: Path, columns: int) -> np.ndarray:
    """Face parameters [n, columns] f32 of a .npy file, near 0..1; a few least-squares weights outside are clipped."""

    def broken(what: str, got: object, move: str = "fetch the file again") -> DatasetError:
        return DatasetError(what, path, got, f"[frames, {columns}] of weights about 0..1", move)

    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise broken("a face file cannot be read", error) from error
    if array.ndim != 2 or array.shape[1] != columns or not np.issubdtype(array.dtype, np.number):
        other = {51: "face_arkit", 55: "face_ict"}.get(array.shape[-1] if array.ndim else 0)
        move = f"that is the shape of {other}/: has it been put in the wrong folder?" if other else "fetch it again"
        raise broken("a face file has another shape", f"{array.dtype} {list(array.shape)}", move)
    if not len(array) or not np.isfinite(array).all():
        raise broken("a face file holds no usable values", "no frames" if not len(array) else "NaN or infinity")
    if np.percentile(np.abs(array), 99.9) > 3:
        move = "if these are percent, divide them by 100"
        raise broken("face weights out of range", f"up to {np.abs(array).max():.1f}", move)
    return np.clip(array, 0, 1).astype(np.float32)


def read_sound(path: Path) -> np.ndarray:
    """Samples [N] f32 of full scale 1 at 16 kHz; several channels are averaged."""
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, RuntimeError) as error:
        raise DatasetError("a sound cannot be read", path, error, "a wav file", "fetch the file again") from error
    if not len(samples) or not np.isfinite(samples).all() or rate < RATE_HZ // 2:
        got = f"{len(samples)} samples at {rate} Hz"
        raise DatasetError("a sound is not usable", path, got, "speech at 8 kHz or more", "fetch the file again")
    mono = samples.mean(1)
    if rate != RATE_HZ:
        common = np.gcd(rate, RATE_HZ)
        mono = resample_poly(mono, RATE_HZ // common, rate // common)
    return mono.astype(np.float32)


LONGEST_SURPLUS_S = 1.0
"""A file of a sequence may be this much longer than the shortest without a word."""


def common_frames(name: str, frames: dict[str, int], rate_hz: float = 30.0) -> tuple[int, str | None]:
    """The shortest of several lengths in frames, and a note where they differ; raises where one cannot be 30/s."""
    shortest, longest = min(frames, key=frames.__getitem__), max(frames, key=frames.__getitem__)
    low, high = frames[shortest], frames[longest]
    if high > 1.25 * low + LONGEST_SURPLUS_S * rate_hz:
        raise DatasetError(
            "the files of a sequence do not belong together in time",
            name,
            f"{low} frames of {shortest}, {high} of {longest} ({high / max(low, 1):.2f} times)",
            f"equal lengths at {rate_hz:g} frames/s",
            "a factor of 2 or 4 is another frame rate; else fetch the shorter file again",
        )
    if high - low > LONGEST_SURPLUS_S * rate_hz:
        return low, f"{name}: cut to {low} frames of {shortest} ({longest} has {high})"
    return low, None
