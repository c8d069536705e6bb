"""Windows of sound with faces in a folder of the cache, and the encoder's tokens for them.

A folder holds a part's windows as <part>.npz (mel f16 [N, ticks, 2, 80], face, phone, …) and in a folder for each set
of tokens <part>.npy f16 [N, n, 256] and quiet.npy [n, 256], the tokens of silence. N windows, n frames at 30/s.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from corpus_speech import RATE_HZ, cache_folder
from learning import mixed
from mel import FRAME_RATE_HZ, tick_rows

LOOKAHEAD = 2


def folder_of(name: str) -> Path:
    """Where windows and tokens of this name lie."""
    path = cache_folder() / name
    path.mkdir(parents=True, exist_ok=True)
    return path


@torch.no_grad()
def encode(encoder: torch.nn.Module, mel: np.ndarray, batch: int = 24) -> np.ndarray:
    """Tokens f16 [N, n, 256] of mel [N, ticks, 2, 80], token of tick n laid on frame n - look-ahead."""
    out = []
    for first in range(0, len(mel), batch):
        with mixed("cpu"):
            token = encoder(torch.from_numpy(mel[first : first + batch].astype(np.float32)))["token"]
        out.append(token[:, LOOKAHEAD:].to(torch.float16).numpy())
    return np.concatenate(out)


def encode_all(folder: Path, parts: Sequence[str], path: str | Path, tokens: str) -> None:
    """Tokens of every window, and of silence, by one encoder; its dropout stays on for training windows, as for talk."""
    from speech_encoder import load_encoder

    encoder, target = load_encoder(path), folder / tokens
    target.mkdir(exist_ok=True)
    for part in parts:
        with np.load(folder / f"{part}.npz") as file:
            mel = file["mel"]
        encoder.train(part == "train")
        np.save(target / f"{part}.npy", encode(encoder, mel))
    encoder.eval()
    ticks = mel.shape[1]
    quiet = tick_rows(np.zeros(ticks * RATE_HZ // FRAME_RATE_HZ + RATE_HZ, np.float32), ticks, np.float32)
    np.save(target / "quiet.npy", encode(encoder, quiet[None])[0])


def load_windows(folder: Path, part: str, tokens: str, keys: Sequence[str], script: str) -> dict[str, np.ndarray]:
    """A part's arrays `keys`, its `token` f16 [N, n, 256] and `quiet` f16 [n, 256]; `script` is what makes them."""
    path = folder / tokens
    if not (path / f"{part}.npy").exists():
        raise FileNotFoundError(f"{path} is not there: run `python training/{script} --tokens {tokens}` first")
    with np.load(folder / f"{part}.npz") as file:
        out = {key: file[key] for key in keys}
    return out | {"token": np.load(path / f"{part}.npy"), "quiet": np.load(path / "quiet.npy")}
