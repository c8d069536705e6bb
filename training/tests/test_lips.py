"""The co-articulation model on phone strings made here, judged on a mesh small enough to write down."""

import numpy as np
import pytest

from corpus_speech import shared_data
from face_metrics import BILABIALS, blink_onsets, frames_within, lip_closure, lip_gap, load_ict
from lips import CHANNEL, STYLES, mouth_curves
from upper_face import EMOTION_SHAPES, Voice, expression, style_factors

WORDS = "SIL B AA B AE M AH N P AY SIL UW S T UW L B OW F IY M SIL".split()
LENGTHS = {"SIL": 0.6, "AA": 0.14, "AE": 0.12, "AH": 0.05, "AY": 0.16, "OW": 0.13, "IY": 0.1, "UW": 0.12}


def spoken(rate: float = 1.0):
    out, at = [], 0.0
    for phone in WORDS:
        length = LENGTHS.get(phone, 0.07) * (1 if phone == "SIL" else rate)
        out.append((phone, at, length))
        at += length
    return out, np.arange(int(at * 30)) / 30


def ict():
    if shared_data() is None:
        pytest.skip("the ICT face is not on this machine")
    return load_ict(shared_data() / "face-ict/ict_arkit.npz")


@pytest.mark.parametrize("style", range(4))
@pytest.mark.parametrize("rate", (0.55, 1.0, 1.6))
def test_bilabials_close_in_every_style_at_every_rate(style, rate):
    face_model, (phones, times) = ict(), spoken(rate)
    factors = style_factors(np.full(len(times), style))
    face = mouth_curves(phones, times, 1.0, factors)
    gap = lip_gap(face, face_model)
    worst = max(gap[frames_within(a, d, len(gap))].min() for p, a, d in phones if p in BILABIALS)
    assert worst <= 0.02 * np.percentile(gap, 95)


@pytest.mark.parametrize("emotion", range(7))
def test_no_emotion_breaks_a_closure(emotion):
    face_model, (phones, times) = ict(), spoken()
    voice = Voice(phones, np.full(len(times), -20.0), np.full(len(times), -20.0))
    ids = [np.full(len(times), i) for i in (1, 0, 1, emotion)]
    face = mouth_curves(phones, times) + expression(np.random.default_rng(1), voice, voice, *ids)
    assert lip_closure([(np.clip(face, 0, 1), phones)], face_model)["closed"] == 1


def test_mouth_rests_in_silence_and_opens_for_vowels():
    phones, times = spoken()
    jaw = mouth_curves(phones, times)[:, CHANNEL["jawOpen"]]
    middle = np.array([(p == "SIL") & (a + 0.35 < times) & (times < a + d - 0.1) for p, a, d in phones]).any(0)
    assert jaw[middle].max() < 0.02
    peaks = {p: jaw[frames_within(a, d, len(jaw), 0)].max() for p, a, d in phones}
    assert 0.3 < peaks["AA"] < 0.7 and peaks["AA"] - peaks["M"] > 0.2
    closed = [jaw[frames_within(a, d, len(jaw))].min() for p, a, d in phones if p == "B"]
    assert max(closed) <= 0.17


def test_rounding_starts_before_its_vowel():
    phones = [("SIL", 0, 0.5), ("AE", 0.5, 0.15), ("S", 0.65, 0.1), ("T", 0.75, 0.08), ("UW", 0.83, 0.15), ("SIL", 0.98, 0.5)]
    times = np.arange(int(1.4 * 30)) / 30
    pucker = mouth_curves(phones, times)[:, CHANNEL["mouthPucker"]]
    assert pucker[np.searchsorted(times, 0.83 - 0.12)] > 0.25 * pucker.max()
    assert pucker[np.searchsorted(times, 0.5)] < 0.1 * pucker.max()


def test_louder_speech_opens_the_jaw_wider():
    phones, times = spoken()
    quiet, loud = (mouth_curves(phones, times, g)[:, CHANNEL["jawOpen"]].max() for g in (0.6, 1.2))
    assert loud > 1.4 * quiet


def test_upper_face_blinks_and_leaves_the_eyes_to_the_stage():
    frames = 60 * 30
    silent = Voice([("SIL", 0.0, 60.0)], np.full(frames, -80.0), np.full(frames, -30.0))
    ids = [np.zeros(frames, int), np.zeros(frames, int), np.ones(frames, int), np.zeros(frames, int)]
    face = expression(np.random.default_rng(4), silent, silent, *ids)
    assert 8 <= len(blink_onsets(face)) <= 45
    assert face[:, [c for name, c in CHANNEL.items() if name.startswith("eyeLook")]].max() == 0
    assert face[:, CHANNEL["jawOpen"]].max() == 0
    assert len(EMOTION_SHAPES) == 7 and len(STYLES) == 4
