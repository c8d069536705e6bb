"""Evaluation of listener and bodies on tiny made-up talk: measures know what they should, sections fit together."""

import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from dim import CHANNELS, FACE_INDEX
from evaluation import body, figures, jobs, listener, metrics, mismatch, reaction, talk
from evaluation.setting import Setting
from phones import PHONE_ID

FRAMES = 720
RANDOM = np.random.default_rng(4)


def made_up_scene(name: str, seed: int, folder: Path | None = None) -> talk.Scene:
    """Two persons who take turns of four seconds; the listener nods after the other's phrases."""
    random = np.random.default_rng(seed)
    phone = np.zeros((2, FRAMES), np.uint8)
    mel = np.full((2, FRAMES + 2, 2, 80), -1.0, np.float32)
    for k in range(0, FRAMES, 120):
        for start in (k + 5, k + 60):
            for at in range(start, start + 40, 8):
                phone[k // 120 % 2, at : at + 3] = PHONE_ID["T"]
                phone[k // 120 % 2, at + 3 : at + 8] = PHONE_ID["AA"]
                mel[k // 120 % 2, at : at + 8] = random.uniform(0.0, 0.6) + np.linspace(0, 0.3, 80)
    motion = 0.003 * random.standard_normal((2, FRAMES, 24)).cumsum(1) / 10 + 0.1
    for person in (0, 1):
        for end in talk.phrase_ends(talk.speaking(phone)[1 - person]):
            motion[person, end + 10 : end + 20, 21] += 0.1 * np.hanning(10)
    lower = np.zeros((2, FRAMES, 27))
    lower[..., 3], lower[..., 25:] = 0.93, 1
    upper = 0.02 * random.standard_normal((2, 1, 47)) + 0.3 * np.sin(np.arange(FRAMES) / 30)[:, None] * np.ones(47) / 3
    root = np.zeros((2, FRAMES, 3))
    root[0, :, :], root[1, :, :] = (-0.6, 0, np.pi / 2), (0.6, 0, -np.pi / 2)
    bodies = {"lower": lower, "upper": upper, "head": motion[..., 21:], "root": root}
    bodies["action"] = np.zeros((2, FRAMES), np.uint8)
    ids = np.zeros((2, FRAMES), np.uint8)
    sounds = None
    if folder:
        sounds = tuple(folder / f"{name}.{side}.wav" for side in "ab")
        for person, path in enumerate(sounds):
            loud = np.repeat(talk.speaking(phone)[person], 16000 // 30 + 1)[: FRAMES * 16000 // 30]
            soundfile.write(path, 0.1 * loud * random.standard_normal(len(loud)), 16000)
    return talk.Scene(name, mel.astype(np.float16), motion, phone, ids, ids, 0, bodies, sounds)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory) -> list[talk.Scene]:
    folder = tmp_path_factory.mktemp("talk")
    return [made_up_scene(f"test-{k:04d}", k, folder) for k in range(4)]


def test_frechet_knows_shift_and_spread() -> None:
    x = RANDOM.standard_normal((4000, 3))
    assert metrics.frechet(x, x) < 1e-6
    assert metrics.frechet(x, x + (2, 0, 0)) == pytest.approx(4, abs=1e-3)
    # (3 - 1)^2 for every number: the distance of normals with the roots of their covariances.
    assert metrics.frechet(x, 3 * x) == pytest.approx(4 * np.trace(np.cov(x.T)), rel=0.01)


def test_dyadic_measures_prefer_the_truth() -> None:
    true = [RANDOM.standard_normal((300, 4)) + k for k in range(3)]
    partner = [x + RANDOM.standard_normal(x.shape) for x in true]
    same = metrics.dyadic(true, true, partner, 5)
    other = metrics.dyadic([x[::-1] + 1 for x in true], true, partner, 5)
    assert same["FD"] < 1e-6 and same["MSE"] == 0 and same["rPCC"] == 0
    assert all(other[name] > same[name] + 0.01 for name in ("FD", "P-FD", "MSE"))
    assert 1.5 < same["SID"] <= np.log2(5)
    still = metrics.dyadic([np.zeros_like(x) for x in true], true, partner, 5)
    assert still["Var"] == 0 and still["SID"] < 0.01


def test_spectrum_and_block_edges() -> None:
    t = np.arange(600) / 30
    slow, fast = (np.sin(2 * np.pi * hz * t)[:, None] for hz in (1.0, 8.0))
    assert metrics.fast_share([slow]) < 0.02 < 0.98 < metrics.fast_share([fast])
    jumps = np.repeat(RANDOM.standard_normal((75, 1)), 8, 0)
    assert metrics.edge_ratio([jumps + 0.01 * slow]) > 20
    assert metrics.edge_ratio([slow]) == pytest.approx(1, abs=0.1)


def test_events_against_moved_ones() -> None:
    mask, signal = np.ones(900, bool), np.zeros(900)
    events = np.arange(50, 880, 97)
    signal[events + 10] = 1
    hit = metrics.against_shifts(lambda at: float(signal[np.minimum(at + 10, 899)].mean()), mask, events)
    assert hit["z"] > 4 and hit["value"] == 1


def test_energy_finds_speech_and_onsets() -> None:
    sound = 0.001 * RANDOM.standard_normal(8000 * 6)
    for start, end in ((1.5, 2.5), (4.0, 5.5)):
        sound[int(8000 * start) : int(8000 * end)] += 0.3 * RANDOM.standard_normal(int(8000 * (end - start)))
    found = reaction.onsets(talk.voice_activity(sound, 8000), 100)
    assert found == pytest.approx([1.5, 4.0], abs=0.03)


def test_delays_are_those_of_the_motion() -> None:
    turn, face, motion = np.zeros((2, 300)), np.zeros((2, 300, 51)), np.zeros((2, 300, 24))
    turn[0, 94:200] = 1
    face[0, 97:200, reaction.MOUTH[0]] = 0.3
    motion[1, 100:110, CHANNELS.index("headX")] = 0.2 * np.hanning(10)
    run = jobs.Run(motion, face, np.zeros((2, 300, 75)), turn, 2 / 30)
    found = reaction.summary(reaction.delays(run, [np.array([3.0]), np.array([])]))
    assert found["turn_ms"] == pytest.approx((4 + 2) / 30 * 1000)
    assert found["mouth_ms"] == pytest.approx((7 + 2) / 30 * 1000)
    assert found["listener_ms"] == pytest.approx((11 + 2) / 30 * 1000, abs=40)


def test_a_listener_who_answers_is_told_from_one_who_does_not() -> None:
    random, partner, motion = np.random.default_rng(2), np.zeros(2400, bool), np.zeros((2, 2400, 24))
    motion += 0.002 * random.standard_normal(motion.shape)
    at = 20
    while at < 2300:
        end = at + int(random.integers(30, 80))
        partner[at:end] = True
        motion[0, end + 10 : end + 22, CHANNELS.index("headX")] += 0.15 * np.hanning(12)
        at = end + int(random.integers(8, 60))
    motion[1] = motion[0, random.permutation(8).repeat(300) * 300 + np.tile(np.arange(300), 8)]
    mask, std = np.ones(2400, bool), np.full(24, 0.05)
    answers, deaf = (mismatch.contingency(m, mask, partner, std) for m in motion)
    assert answers["answers_z"] > 3 and answers["nods_z"] > 3
    assert abs(deaf["answers_z"]) < 3 and abs(deaf["nods_z"]) < 3


def test_figures_of_bodies(scenes) -> None:
    take = body.corpus_take(scenes[0])
    standing = figures.kinematics([take])
    assert standing["foot_slide_cm_s"] == 0 and standing["trunks_inside"] == 0
    assert standing["distance_median_m"] == pytest.approx(1.2)
    assert standing["facing_within_45"] == 1
    moved = take.body.copy()
    moved[0, :, 0] += 0.1 * np.arange(FRAMES) / 30
    assert figures.kinematics([replace(take, body=moved)])["foot_slide_cm_s"] == pytest.approx(5, rel=0.02)
    moved[0, :, 0] = 0.5
    close = figures.kinematics([replace(take, body=moved)])
    assert close["trunks_inside"] == 1


def test_strokes_on_stresses_and_off(scenes) -> None:
    scene = scenes[1]
    take = body.corpus_take(scene)
    at = {shift: take.body.copy() for shift in (0, 7)}
    elbow = 4 + 21 + 3 * 5
    for shift, made in at.items():
        made[..., 25:72] = 0
        for person in (0, 1):
            for stress in scene.stress(person)[::4]:
                k = int(stress * 30) + shift
                course = np.cumsum(np.hanning(13)) / 7
                made[person, k - 6 : k + 7, elbow + 2] += 0.8 * course
                made[person, k + 7 : k + 20, elbow + 2] += 0.8 * course[::-1] if shift else 0.8 * np.linspace(1, 0, 13)
    found = figures.strokes([replace(take, body=at[0])])
    assert found["strokes"] > 3 and found["median_distance_ms"] < 80


def fake_product(asked: list[jobs.Job], setting: Setting) -> list[dict]:
    """Motion that follows nothing."""
    out = []
    for job in asked:
        random = np.random.default_rng(zlib.crc32(str((job.a, job.b, job.options)).encode()))
        frames = max(int(soundfile.info(p).duration * 30) + 1 for p in (job.a, job.b) if p)
        persons = []
        for side in (-1, 1):
            wander = 0.05 * random.standard_normal((frames, 75)).cumsum(0) / 20
            wander[:, :4] = (0.6 * side, 0.93, 0, -side * np.pi / 2)
            face = np.clip(0.1 + 0.05 * random.standard_normal((frames, 51)).cumsum(0) / 10, 0, 1)
            persons.append({"face": face, "body": wander, "turn": (np.arange(frames) // 60 % 2).astype(float)})
        out.append({"persons": persons, "source": {"lookahead": 2}})
    return out


def test_sections_fit_together(scenes, tmp_path, monkeypatch) -> None:
    call = [0.2 * RANDOM.standard_normal(8000 * 24) * np.repeat(np.arange(12) % 2 == p, 16000) for p in (0, 1)]
    monkeypatch.setattr(jobs, "emitted", fake_product)
    for module in (listener, body):
        monkeypatch.setattr(module, "scenes", lambda part, count: scenes[:count])
    monkeypatch.setattr(mismatch, "call", lambda: (call, 8000))
    monkeypatch.setattr(mismatch, "CALL_S", 12.0)
    monkeypatch.setattr(body, "SAMPLES", 2)
    setting = Setting(tmp_path, limit=2, minutes=0.8)
    heard = listener.measure(setting)
    text = listener.table(heard)
    assert "simulated" in text and heard["listeners"] == 4
    assert set(heard["baselines"]) == {"random", "nearest", "mirror", "still"}
    assert heard["truth"]["head"]["FD"] < 1e-6 < heard["head"]["FD"]
    assert set(heard["partner"]["simulated"]) >= {"right", *mismatch.WRONG}
    moved = body.measure(setting)
    assert "simulated" in body.table(moved)
    assert moved["Div_sample"] > 0 and moved["free_running"]["minutes"] == pytest.approx(0.8, rel=0.01)
    assert set(moved["strokes"]) == {"ours", "random", "simulated corpus", "ours without sound"}


def test_face_channels_are_those_of_the_two_person_network() -> None:
    assert len(FACE_INDEX) + 3 == len(CHANNELS) == 24
