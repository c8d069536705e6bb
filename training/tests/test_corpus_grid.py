"""Tracked faces as windows, the losses that look at closures, and the swap of the denoiser, on data made here."""

import numpy as np
import pytest
import torch

from corpus_grid import FRAMES, covering, face_of, filled, resampled, sound_of
from corpus_speech import RATE_HZ, Utterance, shared_data
from face import ARKIT_51, Face, FaceConfig
from face_loss import JAW, LIPS, Gap, Lips, closure_losses, face_loss, jaw_disagreement, lip_events
from face_metrics import IctFace, lip_gap, load_ict
from face_windows import Recordings
from lips import TRACKED_JAW
from phones import PHONE_ID

SPOKEN = (("B", 0.6, 0.08), ("AA", 0.68, 0.3), ("M", 0.98, 0.12))
SEGMENTS = np.array([(PHONE_ID[p], a, d) for p, a, d in SPOKEN], np.float32)


def toy_face() -> IctFace:
    """Six lip points whose gap is jawOpen - mouthClose in cm."""
    delta = np.zeros((len(ARKIT_51), 6, 3))
    delta[JAW, 3:, 1], delta[ARKIT_51.index("mouthClose"), 3:, 1] = -1, 1
    return IctFace(np.zeros((6, 3)), delta)


def test_untracked_frames_are_filled_from_their_neighbours():
    values = np.array([[np.nan], [1.0], [np.nan], [3.0], [np.nan]])
    assert filled(values).ravel().tolist() == [1, 1, 2, 3, 3]


def test_silences_cover_what_no_phone_does():
    phones = covering(SEGMENTS, 3.0)
    assert [p for p, _, _ in phones] == ["SIL", "B", "AA", "M", "SIL"]
    assert sum(d for _, _, d in phones) == pytest.approx(3.0, abs=1e-5)


@pytest.mark.parametrize("speed, lead_s", ((1.0, 0.0), (1.2, 0.2)))
def test_the_jaw_is_the_tracked_one_and_lips_meet_on_bilabials(speed, lead_s):
    jaw = 0.2 + 0.1 * np.sin(np.arange(75) / 4)
    face = face_of(SEGMENTS, jaw, np.zeros(75), speed, lead_s)
    times = np.arange(FRAMES) / 30
    open_ = (times > lead_s + 0.8 / speed) & (times < lead_s + 0.9 / speed)
    wanted = resampled(jaw, (times - lead_s) * speed)[open_] / TRACKED_JAW
    assert face.shape == (FRAMES, 51) and np.allclose(face[open_, JAW], wanted, atol=1e-6)
    if shared_data() is None:
        pytest.skip("the ICT face is not on this machine")
    gap = lip_gap(face, load_ict(shared_data() / "face-ict/ict_arkit.npz"))
    for start in (0.6, 0.98):
        at = int((lead_s + start / speed) * 30)
        assert gap[at : at + 5].min() < 0.05 * np.percentile(gap, 95)


def test_sound_keeps_time_with_its_face():
    samples = np.zeros(3 * RATE_HZ, np.int16)
    samples[RATE_HZ] = 20000
    utterance = Utterance("clip", "grid-s1", "b", samples, SEGMENTS)
    plain = sound_of(np.random.default_rng(0), None, utterance, 0)
    assert plain[1:] == (1.0, 0.0, 1.0) and np.abs(plain[0]).argmax() == RATE_HZ
    for seed in range(6):
        sound, speed, lead, _ = sound_of(np.random.default_rng(seed), None, utterance, 1)
        assert abs(np.abs(sound).argmax() / RATE_HZ - (lead + 1 / speed)) < 2e-3 or sound.max() == 0


def test_closures_are_judged_by_their_narrowest_frame_and_vowels_by_every_one():
    gap = Gap(toy_face())
    phone = np.array([[PHONE_ID[p] for p in "SIL SIL AA AA AA B B AA AA SIL SIL SIL".split()]])
    face = np.zeros((1, 12, 51), np.float32)
    face[0, 2:5, JAW] = face[0, 7:9, JAW] = 0.8
    lips = lip_events(phone, face, gap)
    assert lips.closures.tolist() == [[0, 4, 4]]
    assert lips.parted[0].nonzero().ravel().tolist() == [2, 3, 4, 7, 8]
    good = torch.from_numpy(face[:, None, :, JAW])
    assert [float(x) for x in closure_losses(good, lips)] == [0, 0]
    never = torch.full_like(good, 0.8)
    assert closure_losses(never, lips)[0] > 0.5 and closure_losses(never, lips)[1] == 0
    shut = torch.zeros_like(good)
    assert closure_losses(shut, lips)[0] == 0 and closure_losses(shut, lips)[1] > 0.02
    nothing = Lips(torch.zeros(0, 3, dtype=torch.long), lips.parted, lips.scale)
    assert closure_losses(good, nothing)[0] == 0


def test_the_lip_loss_sees_lips_alone():
    model = Face(FaceConfig(d=16, heads=2, ff=16, layers=1, audio=8))
    z = torch.randn(2, 9, 51)
    x0 = z[:, None].repeat(1, 2, 1, 1)
    x0[..., [i for i in range(51) if i not in LIPS]] += 1
    weights = {"difference": 1.0, "closure": 2.0, "gap": 0.0, "jaw": 1.0}
    assert face_loss(model, x0, z, torch.zeros(2, 9), weights, lips_only=True)[0] < 1e-4
    assert jaw_disagreement(-x0, z) > 1.9


def test_windows_of_recordings():
    data = {
        "face": np.random.default_rng(1).random((3, 20, 51)).astype(np.float16),
        "phone": np.zeros((3, 20), np.uint8),
        "jaw": np.zeros((3, 75), np.float32),
        "token": np.ones((3, 20, 4), np.float16),
        "quiet": np.zeros((20, 4), np.float16),
    }
    batch = Recordings(data, 0, gap=Gap(toy_face())).batch(5)
    assert batch.face.shape == (5, 20, 51) and batch.audio.shape == (5, 20, 8)
    assert (batch.audio[..., :4] == 1).all() and (batch.audio[..., 4:] == 0).all()
    assert (batch.conditions.facing == 1).all() and len(batch.lips.closures) == 0


def test_a_lip_tuned_denoiser_takes_the_place_of_the_bases(tmp_path):
    from train_face import load_ema

    config = {"d": 16, "heads": 2, "ff": 16, "layers": 1, "audio": 8}
    states = [Face(FaceConfig(**config)).state_dict() for _ in range(2)]
    for name, state in zip(("base", "lips"), states, strict=True):
        torch.save({"average": state, "config": {"model": config}, "step": 7}, tmp_path / name)
    model, about = load_ema(tmp_path / "base", tmp_path / "lips")
    for name, value in model.state_dict().items():
        assert torch.equal(value, states[name.startswith("denoiser.")][name]), name
    assert about == {"steps": "7", "lip_steps": "7"}
