"""The evaluation's frame and lips: measures on made curves, baselines' maps, goals; no recordings, no command line."""

import json

import numpy as np
import pytest
import torch

import evaluate
from checkpoint import load_safetensors, rounded, save_safetensors
from corpus_speech import Utterance
from evaluation import jobs, lips, sweeps
from evaluation.goals import Goal, goals_table, verdicts
from evaluation.grid import GAZE, JAW, Clip, Mesh, at_times, correlation, dynamics_mm2, grid_measures, lagged
from evaluation.grid import lip_vertex_error_mm2, tracked_figures
from evaluation.lip_baselines import ARKIT_OF_VISEME, PHONE_TABLES, Loudness, Talk, library_talk
from evaluation.lips import best_delay, frames_of, ratio_and_error, right_visemes, speech_measures, table
from evaluation.setting import Setting
from face import ARKIT_51
from face_metrics import IctFace
from phones import PHONE_ID, PHONES, VISEME_ID, VISEME_OF_PHONE, VISEMES, frame_phones
from speech_encoder import EncoderConfig, SpeechEncoder


def ict_face() -> IctFace:
    """Six points whose gap is the jawOpen weight in cm."""
    delta = np.zeros((51, 6, 3))
    delta[JAW, 3:, 1] = -1
    return IctFace(np.zeros((6, 3)), delta)


def mesh(vertices: int = 5) -> Mesh:
    random = np.random.default_rng(3)
    return Mesh(*(random.normal(size=(51, vertices, 3)).astype(np.float32) for _ in range(2)))


def utterance() -> Utterance:
    segments = [("SIL", 0.0, 0.3), ("P", 0.3, 0.1), ("AA", 0.4, 0.29), ("M", 0.69, 0.11), ("IY", 0.8, 0.2)]
    samples = (np.random.default_rng(1).normal(size=16000 * 12 // 10) * 3000).astype(np.int16)
    rows = np.array([(PHONE_ID[p], s, d) for p, s, d in segments], np.float32)
    return Utterance("one", "voice", "pa me", samples, rows)


def right_talk(late: int = 0) -> Talk:
    """A talk that does everything right, `late` frames too late."""
    one = utterance()
    phones = frame_phones([(int(p), s, d) for p, s, d in one.segments], frames_of(one.samples))
    face = np.full((len(phones), 51), 0.0)
    face[:, JAW] = np.where(np.isin(phones, [PHONE_ID["P"], PHONE_ID["M"]]), 0.0, 0.5)
    visemes = VISEME_OF_PHONE[phones]
    return Talk(np.roll(face, late, 0), np.roll(visemes, late))


def clip(id: str = "c", m: int = 75) -> Clip:
    tracked = np.zeros((m, 51))
    t = np.arange(m) / 25
    tracked[:, JAW] = 0.3 + 0.2 * np.sin(2 * np.pi * 1.3 * t)
    tracked[:, ARKIT_51.index("mouthPucker")] = 0.2 + 0.1 * np.cos(2 * np.pi * 0.7 * t)
    tracked[3] = np.nan
    words = [("now", 0.5, 1.2), ("bin", 1.2, 2.0), ("five", 2.0, 2.6)]
    return Clip(id, None, np.zeros(16000 * 3, np.int16), tracked, words)


def follow(late_s: float) -> np.ndarray:
    t = np.arange(91) / 30 - late_s
    face = np.zeros((91, 51))
    face[:, JAW] = 0.3 + 0.2 * np.sin(2 * np.pi * 1.3 * t)
    face[:, ARKIT_51.index("mouthPucker")] = 0.2 + 0.1 * np.cos(2 * np.pi * 0.7 * t)
    return face


def test_curves_are_read_by_time_not_by_index():
    curve = np.arange(31) / 30.0
    assert np.allclose(at_times(curve, np.array([0.0, 0.04, 0.98])), [0.0, 0.04, 0.98])
    assert np.isnan(at_times(curve, np.array([0.98]), 0.04)).all()
    assert np.isnan(at_times(curve, np.array([0.0]), -0.01)).all()
    assert at_times(np.tile(curve[:, None], (1, 4)), np.array([0.5, 0.6])).shape == (2, 4)
    assert correlation(np.ones(9), np.arange(9.0)) == 0
    assert correlation(np.arange(9.0), np.arange(9.0)) == pytest.approx(1)


@pytest.mark.parametrize("late_ms", [0, 30, 80])
def test_lag_is_found_and_only_a_small_one_counts(late_ms):
    measured = grid_measures([clip(), clip("d")], [follow(late_ms / 1000)] * 2, mesh())
    assert abs(measured["lag_ms"] - late_ms) <= 5
    assert measured["jaw_r_any_lag"] > 0.995
    assert (measured["jaw_r"] > 0.99) == (late_ms <= 40)
    assert list(measured["lip_shapes"]) == ["mouthPucker"] and "mouthFunnel" in measured["left_out"]
    assert abs(measured["word_peak_late_ms"] - late_ms) <= 45
    assert measured["open_word_jaw_ratio"] == pytest.approx(1, abs=0.02)


def test_still_and_constant_faces_do_not_break_the_grid_measures():
    still = np.zeros((91, 51))
    measured = grid_measures([clip()], [still], mesh())
    assert measured["jaw_r"] == 0 and measured["open_word_jaw_ratio"] == 0
    figures = tracked_figures([clip()], mesh())
    assert measured["lve_mm2"] == pytest.approx(figures["lve_of_a_still_face_mm2"], rel=1e-5)
    assert measured["fdd_mm2"] == pytest.approx(figures["upper_face_dynamics_mm2"], rel=1e-5)
    assert figures["open_words"] == 2


def test_lip_vertex_error_is_the_largest_squared_distance_in_square_millimetres():
    part = np.zeros((51, 2, 3), np.float32)
    part[JAW, 1] = (0.3, 0.4, 0)  # 0.5 cm per unit
    face = np.zeros((4, 51))
    opened = face.copy()
    opened[:, JAW] = 1
    assert lip_vertex_error_mm2(face, opened, Mesh(part, part)) == pytest.approx(25)
    assert dynamics_mm2(opened, Mesh(part, part)) == 0
    opened[::2, JAW] = 0
    assert dynamics_mm2(opened, Mesh(part, part)) == pytest.approx(6.25)  # 0 and 25 mm², over two vertices
    assert JAW not in GAZE and lagged([face[:, 0]], [face[:, 0]]).max() == 0


def test_speech_measures_of_a_right_and_a_silent_face():
    one, right = utterance(), right_talk()
    measured = speech_measures([one, one], [right, right], ict_face(), 0.5)
    assert measured["viseme_accuracy"] == 1 and measured["pbm_closed"] == 1 and measured["bilabials"] == 4
    assert measured["pbm_heard"] == 1
    assert measured["open_vowel_jaw_ratio"] == 1 and measured["false_closures_inside"] == 0
    # Its only open vowel stands between P and M.
    assert measured["false_closures"] == 1 and measured["false_closures_apart"] == 0
    assert right_visemes(one, right_talk(3).viseme)[0] < right_visemes(one, right.viseme)[0]
    mute = speech_measures([one], [Talk(right.face)], ict_face(), 0.5)
    assert mute["viseme_accuracy"] is None and mute["speech_frames"] is None
    assert ratio_and_error([1, 1], [2, 2]) == (0.5, 0.0)


def test_delay_of_a_late_library_is_found_and_taken_out():
    one, late = utterance(), right_talk(3)
    assert best_delay([one], [late]) == 3
    cut = late.cut(frames_of(one.samples), 3)
    assert right_visemes(one, cut.viseme)[0] >= right_visemes(one, right_talk().viseme)[0] - 3
    assert len(cut.face) == frames_of(one.samples)


def test_library_output_becomes_our_visemes_and_arkit():
    names = [f"viseme_{name}" for name in "sil PP FF TH DD kk CH SS nn RR aa E I O U".split()]
    weights = np.zeros((2, 15))
    weights[1, names.index("viseme_aa")] = 0.5
    raw = {"names": names, "frames": 2, "wawa": {"visemes": [0, 12], "weights": weights.tolist()}}
    talk = library_talk(raw, "wawa")
    assert [VISEMES[v] for v in talk.viseme] == ["sil", "ih"]
    assert talk.face[1, JAW] == pytest.approx(0.3) and not talk.face[0].any()
    assert not ARKIT_OF_VISEME[VISEME_ID["sil"]].any() and (ARKIT_OF_VISEME <= 1).all()
    assert VISEMES[PHONE_TABLES["headaudio"][PHONE_ID["AH"]]] == "E"


def test_loudness_learns_a_jaw_that_follows_the_level():
    random = np.random.default_rng(2)
    level = 0.5 + 0.45 * np.sin(2 * np.pi * 1.5 * np.arange(32000) / 16000)
    sound = (random.normal(size=32000) * 6000 * level).astype(np.int16)
    jaw = Loudness.level(sound, 61, 1) * 0.01
    fitted = Loudness.fitted([sound], [np.where(np.arange(61) == 5, np.nan, jaw)])
    assert fitted.width == 1 and correlation(fitted.talk(sound, 61).face[:, JAW], jaw) > 0.99


def test_goals_say_met_missed_or_not_measured():
    goals = [Goal("a", "x.y", at_least=0.5), Goal("b", "x.z", at_most=0.1), Goal("c", "x.w", at_least=1)]
    found = verdicts(goals, {"x": {"y": 0.5, "z": 0.2, "w": None}})
    assert [one["met"] for one in found] == [True, False, None]
    assert "MISSED" in goals_table(found) and "not measured" in goals_table(found)


def test_emitted_keeps_the_order_and_the_options(tmp_path, monkeypatch):
    calls = []

    def run(command, **_):
        calls.append(command)
        listed = [line.split("\t") for line in open(command[command.index("--list") + 1]).read().splitlines()]
        for a, b, out in listed:
            path = jobs.Path(out)
            path.mkdir()
            person = {"sound": a, "face": [[0, 1]], "viseme": [3]}
            (path / "motion.json").write_text(json.dumps({"persons": [person, {**person, "sound": b}]}))
        report = "speed    real-time factor 0.500; a tick\n" * len(listed)
        return type("Done", (), {"returncode": 0, "stdout": report, "stderr": ""})

    monkeypatch.setattr(jobs.subprocess, "run", run)
    found = Setting(tmp_path, limit=3, steps=2)
    sounds = [jobs.sound_file(np.full(100 * (i + 1), i, np.int16), found) for i in range(3)]
    sitting = ("--action", "sit,sit")
    asked = [jobs.Job(sounds[0]), jobs.Job(sounds[1], None, sitting), jobs.Job(None, sounds[2])]
    motions = jobs.emitted(asked, found)
    assert [m["persons"][0]["sound"] for m in motions] == [str(sounds[0]), str(sounds[1]), "-"]
    assert motions[0]["persons"][0]["face"].dtype == np.float32 and motions[0]["real_time_factor"] == 0.5
    assert sum(command[-2:] == list(sitting) for command in calls) == 1 and all("--steps" in c for c in calls)
    monkeypatch.setattr(jobs.subprocess, "run", lambda *_, **__: type("Done", (), {"returncode": 1, "stderr": "why"}))
    with pytest.raises(RuntimeError, match="why"):
        jobs.emitted([jobs.Job(sounds[0])], found)


def test_command_line_names_what_is_missing_and_writes_plain_json(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(evaluate, "SECTIONS", ("nothing",))
    monkeypatch.setattr(evaluate, "emitted", lambda *_: [None])
    monkeypatch.setattr(evaluate, "configuration", lambda _: {"backend": "wasm"})
    arguments = evaluate.arguments_of(["--limit", "2"])
    arguments.section = ["nothing"]
    result, goals, wrong = evaluate.measure(arguments, tmp_path)
    assert result == {"configuration": {"backend": "wasm"}} and goals == []
    assert "nothing.py cannot be imported" in wrong[0] and "was not measured" in capsys.readouterr().out
    made = {1: np.float32(2), "b": np.arange(2), "c": float("nan")}
    assert evaluate.plain(made) == {"1": 2.0, "b": [0, 1], "c": None}


def test_table_puts_ours_beside_the_baselines():
    one, right = utterance(), right_talk()
    part = speech_measures([one], [right], ict_face(), 0.5)
    against = grid_measures([clip()], [follow(0)], mesh())
    result = {
        name: measured | {"baselines": {"loudness": measured}}
        for name, measured in (("kathleen", part), ("unseen", part), ("grid", against))
    }
    result["grid"]["tracked"] = tracked_figures([clip()], mesh())
    result |= {"delay_ms_of_baselines": {"headaudio": 100.0}, "gap_at_rest_mm": 0.8}
    text = table(result)
    assert "ours" in text and "loudness" in text and "lip vertex error" in text


def small_encoder():
    torch.manual_seed(0)
    return SpeechEncoder(EncoderConfig(d=24, heads=2, ff=32, layers=1, window=8, dropout=0.0)).eval()


def test_probe_reads_phones_from_tokens_at_every_lookahead(monkeypatch):
    monkeypatch.setattr(sweeps, "LOOKAHEADS", (0, 2))
    one = utterance()
    found = sweeps.lookahead_sweep(small_encoder(), [one], {"kathleen": [one]})
    assert found["2"]["kathleen"] > 0.9 and found["2"]["ms"] == pytest.approx(66.7, abs=0.1)
    assert found["shipped_head"]["lookahead"] == 2 and found["fitted_on_utterances"] == 1


def test_quantised_models_keep_the_layout(tmp_path):
    models = tmp_path / "models"
    random = np.random.default_rng(0)
    weights = {"a": random.normal(size=(6, 8)).astype(np.float16), "b": random.normal(size=4).astype(np.float32)}
    save_safetensors(models / "net.safetensors", weights, {"network": "net"})
    (models / "net.onnx").write_bytes(b"graph")
    folder = sweeps.quantised_models(models, tmp_path / "8", 8)
    back, metadata = load_safetensors(folder / "net.safetensors")
    assert metadata == {"network": "net"} and np.array_equal(back["b"], weights["b"])
    step = np.abs(weights["a"]).max(1, keepdims=True) / 127
    apart = np.abs(back["a"] - weights["a"].astype(float))
    assert 0 < apart.max() and (apart < 0.6 * step + 2e-3).all()
    assert (folder / "net.onnx").read_bytes() == b"graph"
    assert (folder / "net.safetensors").stat().st_size == (models / "net.safetensors").stat().st_size


def test_singles_are_found_by_their_rounding(tmp_path):
    encoder = small_encoder()
    shipped = small_encoder()
    shipped.load_state_dict({**shipped.state_dict(), **rounded(encoder.exported())})
    assert sweeps.singles_of(shipped, tmp_path) is None
    (tmp_path / "speech-encoder").mkdir()
    model = {"d": 24, "heads": 2, "ff": 32, "layers": 1, "window": 8}
    torch.save({"config": {"model": model}, "average": encoder.state_dict()}, tmp_path / "speech-encoder" / "last.pt")
    assert sweeps.singles_of(shipped, tmp_path) is not None
    assert len(sweeps.spread(list(range(50)), 8)) == 8 and sweeps.spread([1, 2], 8) == [1, 2]


def test_sweeps_measure_the_product_and_show_it(tmp_path, monkeypatch):
    def motions(asked, _setting):
        faces = [right_talk()] + [Talk(follow(0), np.zeros(91, int))] * (len(asked) - 1)
        source = {"phones": PHONES}
        persons = [{"face": talk.face, "viseme": talk.viseme} for talk in faces]
        return [{"visemes": VISEMES, "source": source, "persons": [p], "real_time_factor": 0.5} for p in persons]

    monkeypatch.setattr(lips, "emitted", motions)
    monkeypatch.setattr(sweeps, "load_ict", lambda _: ict_face())
    monkeypatch.setattr(sweeps, "load_mesh", lambda _: mesh())
    row = sweeps.product_row(Setting(tmp_path), [utterance()], [clip()], tmp_path)
    assert row["viseme_accuracy"] == 1 and row["jaw_r"] > 0.99 and row["real_time_factor"] == 0.5
    probe = {"ms": 0.0, "kathleen": 0.8, "kathleen_error": 0.1, "unseen": 0.6}
    result = {
        "lookahead": {"0": probe, "shipped_head": {**probe, "lookahead": 2}, "is": "a probe"},
        "steps": {"1": row},
        "precision": {"halves (shipped)": row},
        "encoder_precision": {"singles": None, "why": "none"},
        "recordings": {"kathleen": 1, "grid": 1, "seed": 1},
    }
    text = sweeps.table(result)
    assert "0.800 ±0.100" in text and "halves (shipped)" in text and "not measured (none)" in text
    result["encoder_precision"] = {"halves": 0.5, "singles": 0.5}
    assert "singles 0.5000" in sweeps.table(result)
