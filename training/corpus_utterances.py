"""Utterances from their first sample on as training windows of the face network: voices that start with no warning.

    python corpus_utterances.py                     # windows in the cache, then the encoder's tokens for them

A recording that begins with its first phone is where a stream starts cold: nothing was heard before, the lips are at
rest. Talk seldom holds that moment. Faces are simulated (lips.py alone). Shapes: N windows, n = FRAMES at 30/s.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from corpus_grid import FRAMES, covering
from corpus_speech import RATE_HZ, Utterance, cache_folder, load_utterances
from encoded_windows import LOOKAHEAD, encode_all, folder_of, load_windows
from lips import jaw_gain, levels_db, mouth_curves, usual_level_db
from mel import FRAME_RATE_HZ, tick_rows
from phones import PHONES, frame_phones

PARTS = {"kathleen.train": 420, "flite.train": 180, "espeak.train": 120}
LEVEL_DB = (-12, 6)


def window(random: np.random.Generator, utterance: Utterance) -> dict[str, np.ndarray]:
    """mel f16 [ticks, 2, 80], face f16 [n, 51], phone u8 [n] of an utterance, from its start or one of its pauses."""
    samples = utterance.samples.astype(np.float32) / 32768
    samples = np.clip(samples * 10 ** (random.uniform(*LEVEL_DB) / 20), -1, 1)
    samples = np.pad(samples, (0, (FRAMES + LOOKAHEAD + 2) * RATE_HZ // FRAME_RATE_HZ))
    phones = covering(utterance.segments, len(samples) / RATE_HZ)
    level = levels_db(samples, FRAMES)
    loud = np.maximum.reduce([np.roll(level, k) for k in (-1, 0, 1)])
    gain = jaw_gain(loud, usual_level_db(level, phones))
    face = mouth_curves(phones, np.arange(FRAMES) / FRAME_RATE_HZ, gain)
    ids = frame_phones([(PHONES.index(p), a, d) for p, a, d in phones], FRAMES)
    mel = tick_rows(samples, FRAMES + LOOKAHEAD, np.float32)
    return {"mel": mel.astype(np.float16), "face": face.astype(np.float16), "phone": ids.astype(np.uint8)}


def folder() -> Path:
    """Where windows and tokens lie."""
    return folder_of("utterances")


def build(parts: dict[str, int], seed: int) -> None:
    """Windows of so many utterances of each part, drawn by `seed`."""
    random, rows = np.random.default_rng(seed), []
    for part, count in parts.items():
        pool = load_utterances(part)
        rows += [window(random, pool[i]) for i in random.permutation(len(pool))[:count]]
    np.savez(folder() / "train.npz", **{key: np.stack([row[key] for row in rows]) for key in rows[0]})


def load(tokens: str) -> dict[str, np.ndarray]:
    """token f16 [N, n, 256], quiet f16 [n, 256], face f16 [N, n, 51], phone u8 [N, n]."""
    return load_windows(folder(), "train", tokens, ("face", "phone"), "corpus_utterances.py")


def main() -> None:
    """Command line: build the windows, then encode them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--encoder", help="checkpoint or .safetensors; default: the newest training run")
    parser.add_argument("--tokens", default="tokens", help="name of the token set")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    build(PARTS, options.seed)
    encoder = options.encoder or cache_folder() / "runs/speech-encoder/checkpoint.pt"
    encode_all(folder(), ("train",), encoder, options.tokens)


if __name__ == "__main__":
    main()
