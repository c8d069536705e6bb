"""How well the encoder names visemes on speech it has not heard.

    python evaluate_encoder.py [weights]     # a training checkpoint or public/models/speech-encoder.safetensors
"""

import argparse
from dataclasses import dataclass

import numpy as np
import torch

from corpus_speech import REPOSITORY, load_utterances
from mel import FRAME_RATE_HZ, SAMPLE_RATE_HZ, tick_rows
from phones import BILABIALS, SILENCE, VISEME_ID, VISEME_OF_PHONE, VISEMES, frame_phones, viseme_probabilities
from speech_encoder import load_encoder

PP, AA = VISEME_ID["PP"], VISEME_ID["aa"]


@dataclass
class Score:
    """Counts over the frames of speech of some utterances; confusion [15, 15] is truth by answer."""

    utterances: int
    confusion: np.ndarray
    silence: tuple
    bilabials: tuple
    false_closures: tuple

    @property
    def frames(self):
        """Frames of speech."""
        return int(self.confusion.sum())

    @property
    def accuracy(self):
        """The share of the frames of speech whose viseme is right."""
        return float(np.trace(self.confusion) / max(self.frames, 1))

    @property
    def recall(self):
        """The share of P, B, M that are answered PP on some frame within ±1 frame of the phone."""
        return float(self.bilabials[0] / max(self.bilabials[1], 1))


@torch.no_grad()
def frame_visemes(encoder, samples):
    """The viseme answered for each frame 0.. of int16 samples, as the streaming encoder would."""
    lookahead = encoder.config.lookahead
    frames = len(samples) * FRAME_RATE_HZ // SAMPLE_RATE_HZ + 1
    padded = np.concatenate([samples.astype(np.float32) / 32768, np.zeros(SAMPLE_RATE_HZ, np.float32)])
    mel = torch.from_numpy(tick_rows(padded, frames + lookahead))
    phones = encoder(mel[None])["phones"][0, lookahead:].softmax(-1).numpy()
    return viseme_probabilities(phones).argmax(-1)


def evaluate(encoder, utterances):
    """Score an encoder on utterances."""
    confusion = np.zeros((len(VISEMES), len(VISEMES)), int)
    silence, closed, opened = np.zeros(2, int), np.zeros(2, int), np.zeros(2, int)
    for utterance in utterances:
        answer = frame_visemes(encoder, utterance.samples)
        phones = frame_phones([(int(p), s, d) for p, s, d in utterance.segments], len(answer))
        truth = VISEME_OF_PHONE[phones]
        speech = phones != SILENCE
        np.add.at(confusion, (truth[speech], answer[speech]), 1)
        silence += (int((answer[~speech] == 0).sum()), int((~speech).sum()))
        opened += (int((answer[truth == AA] == PP).sum()), int((truth == AA).sum()))
        for phone, start, duration in utterance.segments:
            if phone in BILABIALS:
                first = int(np.ceil(start * FRAME_RATE_HZ)) - 1
                last = int((start + duration) * FRAME_RATE_HZ) + 1
                closed += (int((answer[max(first, 0) : last + 1] == PP).any()), 1)
    return Score(len(utterances), confusion, tuple(silence), tuple(closed), tuple(opened))


def report(name, score):
    """Print one part's numbers."""
    print(
        f"{name}: viseme accuracy {score.accuracy:.4f} on {score.frames} frames of speech of {score.utterances} "
        f"utterances; silence right {score.silence[0]}/{score.silence[1]}; P/B/M found {score.recall:.4f} "
        f"({score.bilabials[0]}/{score.bilabials[1]}); PP on frames of aa {score.false_closures[0]}"
        f"/{score.false_closures[1]}"
    )


def report_confusion(score):
    """Print truth by answer in per cent."""
    print("truth \\ answer  " + " ".join(f"{name:>4s}" for name in VISEMES) + "  frames")
    for name, row in zip(VISEMES, score.confusion):
        if row.sum():
            print(f"{name:>14s}  " + " ".join(f"{100 * v / row.sum():4.0f}" for v in row) + f"  {row.sum():6d}")


def main():
    """Evaluate on every held-out part."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", nargs="?", default=REPOSITORY / "public/models/speech-encoder.safetensors")
    encoder = load_encoder(parser.parse_args().weights)
    for part in ("kathleen.val", "kathleen.test", "dc-tts.test", "grid.val", "espeak.test"):
        score = evaluate(encoder, load_utterances(part))
        report(part, score)
        if part == "kathleen.test":
            report_confusion(score)


if __name__ == "__main__":
    main()
