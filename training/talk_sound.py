"""The sound of simulated talk: whose voices speak, which responses and laughs sound, what two microphones hear.

Sound is f32 at 16 kHz.
"""

from __future__ import annotations

import numpy as np
from scipy.signal import butter, lfilter, sosfilt

from augment import SpeechWindows, coloured_noise, gain, room
from corpus_speech import RATE_HZ, Utterance, cache_folder, load_utterances
from interplay import VOICE, Acts
from turns import Person, Voices

PARTS = {
    "train": {"kathleen.train": 0.46, "flite.train": 0.26, "espeak.train": 0.20, "grid.train": 0.08},
    "val": {"kathleen.val": 0.8, "grid.val": 0.2},
    "test": {"kathleen.test": 0.45, "dc-tts.test": 0.3, "espeak.test": 0.25},
}
"""How often the cached parts of the speech are drawn; parts that are not there are left out."""

SHORT = {"train": "backchannel.train", "val": "backchannel.train", "test": "backchannel.test"}
"""Where the voiced backchannels come from."""


def voices_of(part: str) -> Voices:
    """The voices of a part of the corpus."""
    known = {p: w for p, w in PARTS[part].items() if (cache_folder() / "speech" / f"{p}.npz").exists()}
    short: list[Utterance] = []
    if (cache_folder() / "speech" / f"{SHORT[part]}.npz").exists():
        short = [u for u in load_utterances(SHORT[part]) if len(u.samples) > 0.15 * RATE_HZ and len(u.segments)]
    # Talk is laid of utterances and noise: the length of windows does not matter.
    return Voices(SpeechWindows(known, seconds=1, lookahead=0, seed=0), short)


def lay_acts(persons: list[Person], acts: list[Acts]) -> None:
    """Give voice to the backchannels and laughs that have one; where something sounds already they stay silent."""
    for person, mine in zip(persons, acts, strict=True):
        for laugh in mine.laughs:
            end = person.laugh(laugh[0]) if laugh[3] else laugh[0]
            laugh[1], laugh[3] = (end - laugh[0], 1.0) if end > laugh[0] else (laugh[1], 0.0)
        for response in mine.responses:
            if response[1] & VOICE and not person.respond(response[0]):
                response[1] &= ~VOICE


def breath(random: np.random.Generator) -> np.ndarray:
    """A breath: band-passed noise that swells and fades, f32."""
    count = int(random.uniform(0.25, 0.6) * RATE_HZ)
    band = butter(2, (random.uniform(300, 700), random.uniform(2500, 6000)), "bandpass", fs=RATE_HZ, output="sos")
    return (sosfilt(band, coloured_noise(random, count, 0.3)) * np.hanning(count) ** 0.7).astype(np.float32)


def worsened(random: np.random.Generator, source: SpeechWindows, sound: np.ndarray, other: np.ndarray) -> np.ndarray:
    """One microphone's signal: tone, room, breath, the other voice leaking in, noise, telephone; f32 in ±1."""
    loud = np.sqrt(np.mean(sound[np.abs(sound) > 1e-4] ** 2)) if np.any(np.abs(sound) > 1e-4) else 0.03
    if random.random() < 0.35:
        sound = lfilter([1, random.uniform(-0.6, 0.6)], [1], sound).astype(np.float32)
    if random.random() < 0.22:
        sound = room(random, sound)
    if random.random() < 0.35:
        sound = sound.copy()
        for _ in range(random.integers(2, 9)):
            one = breath(random) * loud * gain(random.uniform(-32, -14))
            at = random.integers(len(sound) - len(one))
            sound[at : at + len(one)] += one.astype(np.float32)
    if random.random() < 0.15:
        sound = sound + other * np.float32(gain(random.uniform(-45, -26)))
    if random.random() < 0.5:
        sound = sound + source.noise(random, len(sound)) * np.float32(loud * gain(-random.uniform(10, 45)))
    if random.random() < 0.08:
        sound = sosfilt(butter(4, (250, 3500), "bandpass", fs=RATE_HZ, output="sos"), sound)
    sound = np.clip(sound, -1, 1)
    return np.round(sound * 32768) / 32768 if random.random() < 0.7 else sound


def microphones(random: np.random.Generator, source: SpeechWindows, persons: list[Person]) -> list[np.ndarray]:
    """Both microphones' signals of what the persons say."""
    sounds = [person.sound for person in persons]
    return [worsened(random, source, sounds[i], sounds[1 - i]) for i in range(2)]
