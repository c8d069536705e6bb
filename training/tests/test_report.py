"""The evaluation's report: tables of any results, pictures of tiny data, the word simulated where it belongs."""

import html
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from evaluation import pictures, report
from evaluation.pictures import Head, keep_talks, shown_frames
from face import ARKIT_51


def made_results() -> dict:
    """Results in the shape of the sections, with invented numbers."""
    lips = {"utterances": 3, "viseme_accuracy": 0.875, "viseme_accuracy_error": 0.011, "pbm_closed": 0.98}
    other = {"utterances": 3, "viseme_accuracy": None, "viseme_accuracy_error": None, "pbm_closed": 0.12}
    scores = {"expression": {"FD": 1.25, "MSE": 0.5}, "head": {"FD": 0.25, "MSE": 0.0625}}
    row = {"viseme_accuracy": 0.75, "viseme_accuracy_error": 0.02, "jaw_r": 0.5}
    partner = {
        "listeners": 2,
        "right": {"sync": 0.4},
        "silence": {"scores": {"sync": 0.1}, "right_is_better": {"sync": {"holds": True, "of_listeners": 1.0}}},
    }
    return {
        "configuration": {"backend": "wasm", "lookahead_frames": 2, "models": {"face": "<1.0>"}},
        "goals": [
            {"name": "visemes", "path": "lips.kathleen.viseme_accuracy", "measured": 0.875, "goal": ">= 0.86", "met": True},
            {"name": "slide", "path": "body.foot_slide_cm_s", "measured": 3.5, "goal": "<= 2", "met": False},
            {"name": "right partner", "path": "listener.partner.call.x", "measured": None, "goal": ">= 0", "met": None},
        ],
        "lips": {
            "kathleen": lips | {"baselines": {"loudness": other, "headaudio": lips}},
            "grid": {"clips": 2, "jaw_r": 0.8, "lip_shapes": {"mouthPucker": {"r": 0.5, "lag_ms": 5}, "mouthClose": {"r": 0.25, "lag_ms": 0}}, "left_out": ["jawLeft"], "baselines": {"loudness": {"clips": 2, "jaw_r": 0.5}}},  # fmt: skip
        },
        "listener": scores | {
            "data": "held-out simulated talk",
            "truth": scores,
            "baselines": {"random": scores, "still": scores},
            "partner": {"simulated": partner, "call": partner},
            "reaction": {"call": {"turn_ms": 150.0}, "simulated": {"turn_ms": 120.0}, "goal_turn_ms": 200},
        },
        "body": {
            "FD_g": 0.5, "foot_slide_cm_s": 3.5, "truth": {"FD_g": 0.0, "foot_slide_cm_s": 0.1},
            "baselines": {"random": {"FD_g": 1.5, "foot_slide_cm_s": 0.1}, "small_networks": {"seeds": 3, "networks": {"one": {"mean": {"FD_g": 2.0}}}}},
            "strokes": {"ours": {"strokes": 4, "median_offset_ms": -20.0}, "random": {"strokes": 5, "median_offset_ms": 90.0}},
            "free_running": {"minutes": 10.0, "per_minute": [{"variance": 1.0}, {"variance": 0.9}]},
        },
        "sweeps": {
            "lookahead": {"is": "a probe", "0": {"ms": 0.0, "kathleen": 0.5}, "1": {"ms": 33.0, "kathleen": 0.75}},
            "steps": {"1": row, "4": row},
        },
    }  # fmt: skip


def ict_model(path: Path) -> None:
    """A face of two quads whose shapes move them, with the names of the ICT face."""
    sided = [n for name in ARKIT_51 for n in ([name] if not name.endswith(("Left", "Right")) else [name.replace("Left", "_L").replace("Right", "_R")])]  # fmt: skip
    names = [n if n not in ("jaw_L", "jaw_R", "mouth_L", "mouth_R") else n.replace("_L", "Left").replace("_R", "Right") for n in sided]  # fmt: skip
    x, y = np.meshgrid(np.linspace(-3, 3, 10), np.linspace(-6, 2, 10))
    neutral = np.stack([x.ravel(), y.ravel(), np.zeros(100)], -1).astype(np.float32)
    delta = np.random.default_rng(0).normal(0, 0.3, (51, 100, 3)).astype(np.float16)
    faces = np.array([[0, 1, 11, 10], [4, 5, 15, 14]], np.int32)
    landmarks = np.arange(68)
    np.savez(path, neutral=neutral, delta=delta, faces=faces, names=np.array(names), landmarks68=landmarks)


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A report's folder with one utterance, one clip and one talk in it."""
    random = np.random.default_rng(1)
    (tmp_path / "data/face-ict").mkdir(parents=True)
    ict_model(tmp_path / "data/face-ict/ict_arkit.npz")
    monkeypatch.setattr(report, "data_folder", lambda: tmp_path / "data")
    out = tmp_path / "report"
    out.mkdir()
    samples, face = (8000 * random.standard_normal(32_000)).astype(np.int16), random.random((60, 51)).astype(np.float32)
    labels = np.array([("SIL", 0, 0.3), ("M", 0.3, 0.5), ("AA", 0.5, 0.9), ("UW", 0.9, 1.4)], object).astype(str)
    np.savez(out / "lips-a1.npz", samples=samples, face=face, headaudio=face, labels=labels, text="Ma & oo")
    words = np.array([("sil", 0, 0.5), ("bin", 0.5, 1.0), ("blue", 1.0, 1.5)], object).astype(str)
    tracked = np.where(random.random((50, 1)) < 0.1, np.nan, random.random((50, 51)))
    np.savez(out / "lips-grid-b1.npz", samples=samples, face=face, tracked=tracked, labels=words)
    for side in "ab":
        soundfile.write(tmp_path / f"talk.{side}.wav", samples, 16_000)
    sounds = tuple(tmp_path / f"talk.{side}.wav" for side in "ab")
    body = np.zeros((2, 60, 75))
    body[:, :, 1] = 0.9
    body[1, :, 2:4] = (1.2, np.pi)
    scene = SimpleNamespace(name="test-0000", sounds=sounds, phone=(random.random((2, 60)) < 0.5).astype(np.uint8))
    run = SimpleNamespace(face=np.stack([face, face]), body=body, turn=random.random((2, 60)))
    keep_talks(out, [scene] * 5, [run] * 5, [body] * 5)
    return out


def test_the_page_has_every_number_and_picture(folder):
    page = report.write(made_results(), folder).read_text()
    for found in re.findall(r'img src="([^"]+)"', page):
        assert (folder / found).stat().st_size > 2000
    assert len(re.findall("<img", page)) == 2 + 3 + 2
    assert "&lt;1.0&gt;" in page and "<1.0>" not in page
    for text in ("0.875", "± 0.011", "HeadAudio".lower(), "0.120", "MISSED", "not measured", "-20.000", "jawLeft"):
        assert text in page
    assert page.count("<table") == page.count("</table>") > 10


def test_simulated_is_said_where_data_are_simulated_and_only_there():
    for path, expected in (
        (("lips", "kathleen"), False),
        (("listener",), True),
        (("body", "strokes"), True),
        (("listener", "partner", "simulated"), True),
        (("listener", "partner", "call"), False),
        (("listener", "reaction"), False),
        (("listener", "reaction", "simulated"), True),
        (("sweeps", "steps"), False),
    ):
        assert ("simulated" in report.mark(path)) == expected
    rows = report.goals(made_results()["goals"]).split("<tr>")
    assert ["class=\"simulated\"" in row for row in rows[2:]] == [False, True, False]


def test_ours_stands_beside_the_baselines():
    text = report.tables("kathleen", made_results()["lips"]["kathleen"], ("lips",))
    head = re.findall(r"<th>([^<]*)</th>", text.split("</thead>")[0])
    assert head == ["", "ours", "loudness", "headaudio"]
    cells = text.split(f"<td>{html.escape(report.words('pbm_closed'))}</td>")[1].split("</tr>")[0]
    assert re.findall(r">([\d.]+)<", cells) == ["0.980", "0.120", "0.980"]
    assert "—" in text and "error</td>" not in text


def test_nested_results_become_tables_with_nothing_left_out():
    listener = made_results()["listener"]
    text = report.tables("listener", listener)
    assert "› a real telephone call: scores" in text and "right partner scores better" in text
    assert "expression: FD" in text and "simulated corpus" in text and "150.000" in text and "held-out" in text
    body = report.tables("body", made_results()["body"])
    assert all(value in body for value in ("3.500", "1.500", "2.000", "-20.000", "0.900", "10.000"))


def test_results_without_sections_or_pictures_still_make_a_page(tmp_path):
    page = report.write({"configuration": {}, "goals": []}, tmp_path / "new").read_text()
    assert page.startswith("<!doctype html>") and "<img" not in page


def test_the_frames_shown_are_closures_and_open_vowels(tmp_path):
    ict_model(tmp_path / "ict.npz")
    assert Head(tmp_path / "ict.npz").delta.shape == (51, 100, 3)
    gaps = np.abs(np.sin(np.arange(60) / 5))
    labels = np.array([("M", 0.3, 0.5), ("AA", 0.5, 0.9), ("UW", 0.9, 1.4)], object).astype(str)
    shown = dict(shown_frames(labels, gaps))
    assert list(shown) == ["M", "AA", "UW"] and gaps[shown["M"]] == gaps[9:16].min() and shown["UW"] == 35
    assert shown_frames(np.array([("bin", 0.4, 0.8)], object).astype(str), gaps) == [("bin", 18)]


def test_a_sweep_of_one_setting_is_not_drawn(tmp_path):
    assert pictures.sweep_picture({"4": {"jaw_r": 0.5}}, {"jaw_r": "r"}, tmp_path / "a.png", "steps") is None
