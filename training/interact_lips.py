"""`lip_acc/`: an hour of one actor (006) reading TIMIT sentences with accurate lips, for the fine-tuning of the lips.

The card says that the files' scenario ids are the order of the sentences in `lip_acc_sentences.txt`, and not how the
folder is laid out: files are found by their names wherever they lie in it, face arrays by their number of columns.
Readings are laid end to end, two tracks side by side as the two persons of a stream; each hears the other reading,
from which nothing about its own lips can be learnt. They have faces and sound alone: no bodies.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from corpus_conversation import LOOKAHEAD, encode_stream
from corpus_speech import RATE_HZ
from face import ARKIT_51
from interact_face import Conversion
from interact_files import STEM, DatasetError, common_frames, read_array, read_sound
from lips import levels_db
from mel import FRAME_RATE_HZ, tick_rows
from phones import PHONE_ID, SILENCE, frame_phones

SENTENCES = "lip_acc_sentences.txt"
HELD_OUT = {8: "val", 9: "test"}
"""Part of the sentences whose number ends on this digit; all others train."""


@dataclass
class Reading:
    """One sentence: samples [N] f32 at 16 kHz over exactly n frames, face [n, 51], phone ids [n] or None."""

    number: int
    text: str
    sound: np.ndarray
    face: np.ndarray
    phone: np.ndarray | None

    @property
    def part(self) -> str:
        """train, val or test, by the sentence."""
        return HELD_OUT.get(self.number % 10, "train")


@dataclass(frozen=True)
class _Files:
    wav: Path
    arrays: tuple[Path, ...]


def _files(folder: Path) -> dict[int, _Files]:
    """Files by sentence number; raises where sounds have no faces."""
    found: dict[int, dict[str, list[Path]]] = {}
    for path in sorted(folder.rglob("*")):
        match = STEM.match(path.stem)
        if match and path.suffix in (".wav", ".npy"):
            found.setdefault(int(match["scenario"]), {}).setdefault(path.suffix, []).append(path)
    whole = {k: _Files(v[".wav"][0], tuple(v[".npy"])) for k, v in found.items() if len(v) == 2}
    if not whole:
        got = f"{len(found)} sentences, none with both a .wav and a .npy"
        expected = "<date>_006_<sentence>.wav and .npy, in any folders below it"
        raise DatasetError("no readings in lip_acc", folder, got, expected, "fetch lip_acc/ whole, or use --no-lips")
    return whole


def sentences(root: Path, numbers: list[int]) -> dict[int, str]:
    """Sentence by number; counted from 0 if a file is numbered 0, else from 1. Empty without the list."""
    path = next(iter(sorted(root.rglob(SENTENCES))), None)
    if path is None:
        return {}
    lines = [line.strip() for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    first = 0 if 0 in numbers else 1
    if max(numbers) - first >= len(lines):
        got = f"{len(lines)} sentences, files up to number {max(numbers)}"
        raise DatasetError("fewer sentences than readings", path, got, "one line per reading", "fetch the file again")
    return {number: lines[number - first] for number in numbers}


def _face(arrays: tuple[Path, ...], conversion: Conversion | None) -> np.ndarray:
    """ARKit weights [n, 51]: from an array of 51 columns, else from one of 55."""
    widths = {}
    for path in arrays:
        try:
            widths[np.load(path, mmap_mode="r", allow_pickle=False).shape[-1]] = path
        except (OSError, ValueError, EOFError, IndexError) as error:
            raise DatasetError("a face file cannot be read", path, error, "a .npy array", "fetch it again") from error
    if len(ARKIT_51) in widths:
        return read_array(widths[len(ARKIT_51)], len(ARKIT_51))
    if 55 in widths and conversion:
        return conversion(read_array(widths[55], 55))
    raise DatasetError("a face of another shape", arrays[0], f"{sorted(widths)} columns", "51 or 55", "fetch it again")


def read_readings(root: Path, conversion: Conversion | None, aligner=None) -> list[Reading]:
    """All readings in order; with a PocketSphinx `aligner` and the sentences also their phones."""
    files = _files(root / "lip_acc")
    texts = sentences(root, sorted(files))
    out = []
    for number, own in sorted(files.items()):
        face, sound = _face(own.arrays, conversion), read_sound(own.wav)
        heard = int(len(sound) / RATE_HZ * FRAME_RATE_HZ)
        n, _ = common_frames(f"lip_acc {number}", {own.wav.name: heard, own.arrays[0].name: len(face)})
        sound = sound[: round(n * RATE_HZ / FRAME_RATE_HZ)]
        phone = None
        if aligner is not None and number in texts:
            found = aligner.align(texts[number], (sound * 32767).clip(-32768, 32767).astype(np.int16))
            if found:
                phone = frame_phones([(PHONE_ID.get(p, SILENCE), a, d) for _, p, a, d in found], n)
        out.append(Reading(number, texts.get(number, ""), sound, face[:n], phone))
    return out


def tracks(readings: list[Reading], length: int) -> list[dict[str, np.ndarray]]:
    """Streams of `length` frames of readings end to end: sound [2, N], face [2, n, 51], phone [2, n] (-1: unknown).

    Even readings make the first person's track, odd ones the second's; what does not fill a stream is left."""
    long = []
    if not readings:
        return []
    for side in (0, 1):
        own = readings[side::2] or readings
        face = np.concatenate([r.face for r in own])
        phone = [r.phone if r.phone is not None else np.full(len(r.face), -1) for r in own]
        # The look-ahead of the last frames hears silence.
        sound = np.zeros(round(len(face) * RATE_HZ / FRAME_RATE_HZ) + RATE_HZ, np.float32)
        at = 0
        for r in own:
            first = round(at * RATE_HZ / FRAME_RATE_HZ)
            sound[first : first + len(r.sound)] = r.sound
            at += len(r.face)
        long.append((sound, face, np.concatenate(phone)))
    out = []
    for k in range(min(len(face) for _, face, _ in long) // length):
        span = slice(k * length, (k + 1) * length)
        first = round(k * length * RATE_HZ / FRAME_RATE_HZ)
        count = round(length * RATE_HZ / FRAME_RATE_HZ) + RATE_HZ // 2
        out.append(
            {
                "sound": np.stack([sound[first : first + count] for sound, _, _ in long]),
                "face": np.stack([face[span] for _, face, _ in long]),
                "phone": np.stack([phone[span] for _, _, phone in long]),
            }
        )
    return out


@torch.no_grad()
def write_lips(
    readings: list[Reading], encoder: torch.nn.Module, folder: Path, tokens: str, length: int, style: int
) -> dict[str, int]:
    """Writes the streams of all parts in the layout that `train_face.py` reads; how many of each.

    Emotion neutral and faces each other: the reader looks at the camera. Phones that no aligner gave are the encoder's.
    """
    (folder / tokens).mkdir(parents=True, exist_ok=True)
    counts = {}
    for part in ("train", "val", "test"):
        found = tracks([r for r in readings if r.part == part], length)
        counts[part] = len(found)
        for k, track in enumerate(found):
            mel = np.stack([tick_rows(s, length + LOOKAHEAD, np.float32) for s in track["sound"]]).astype(np.float16)
            token = encode_stream(encoder, mel)
            heard = encoder.phone_head(torch.from_numpy(token).float()).argmax(-1).numpy()
            np.savez(
                folder / f"{part}-{k:04d}.npz",
                mel=mel,
                face=track["face"].astype(np.float16),
                phone=np.where(track["phone"] < 0, heard, track["phone"]).astype(np.uint8),
                style=np.full((2, length), style, np.uint8),
                facing=np.ones((2, length), np.uint8),
                emotion=np.zeros((2, length), np.uint8),
                level_db=np.stack([levels_db(s, length) for s in track["sound"]]).astype(np.float32),
                kind=np.array("lips"),
            )
            np.save(folder / tokens / f"{part}-{k:04d}.npy", token)
    return counts
