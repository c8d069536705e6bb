"""The InterAct corpus from a small made data set: every training's reader takes it, and faults are left out by name."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from made_interact import write_dataset, write_face, write_lip_acc

import body_windows
import corpus_conversation
from body_skeleton import integrate
from body_stream import placements
from body_windows import Windows as BodyWindows
from corpus_interact import Build, Library, check, cut, lips, open_library, read_sequence, segments, starts, write
from interact_files import DatasetError
from interact_lips import read_readings, sentences, tracks
from speech_encoder import SpeechEncoder
from train_face import Windows as FaceWindows

SEQUENCES = [
    ("20231119", "001", "002", 51),
    ("20231119", "001", "002", 52),
    ("20240126", "005", "006", 34),
    ("20240126", "005", "006", 35),
    ("20240127", "003", "004", 51),
]
STREAM_S = 4.0


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("interact-data")
    write_dataset(root, SEQUENCES)
    return root


@pytest.fixture(scope="module")
def library(dataset: Path) -> Library:
    return open_library(dataset)


@pytest.fixture(scope="module")
def corpus(library: Library, tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    cache = tmp_path_factory.mktemp("cache")
    build = Build(library, SpeechEncoder().eval(), cache / "interact.part", "tokens", STREAM_S)
    build.library.parts = {s.name: "train" if k else "test" for k, s in enumerate(library.sequences)}
    write(build, cache / "interact", skip_broken=False)
    return cache / "interact"


def test_the_data_set_is_understood(library):
    assert [s.name for s in library.sequences] == [f"{d}_{n:03d}" for d, _, _, n in SEQUENCES]
    assert library.conversion is not None and library.actors == [f"00{k}" for k in range(1, 7)]
    assert any("unused, pairs merged by mean" in note for note in library.notes)
    assert not any("006_034" in note for note in library.notes)


def test_a_sequence_has_every_array(library):
    whole = read_sequence(library.sequences[1], library)
    n = 180
    shapes = {"face": (2, n, 51), "lower": (2, n, 27), "upper": (2, n, 47), "head": (2, n, 3), "root": (2, n, 3)}
    shapes |= {"mel": (2, n + 2, 2, 80), "style": (2, n), "facing": (2, n), "emotion": (2, n), "action": (2, n)}
    assert {name: whole[name].shape for name in shapes} == shapes
    # Scenario 52: friends, boredom; both walk past each other.
    assert whole["style"][:, 0].tolist() == [0, 1] and (whole["emotion"] == 3).all()
    assert (whole["action"] == 1).all() and (whole["relationship"] == 2).all()
    assert whole["facing"][:, 0].all() and not whole["facing"][:, -1].any()
    assert whole["mel"].astype(float).std() > 0.1 and not whole["face"][..., 10:18].any()
    # The jaw was made to follow the sound: sound and face start together.
    jaw, level = whole["face"][0, :, 24].astype(float), whole["level_db"][0]
    assert np.corrcoef(jaw[level > -60], level[level > -60])[0, 1] > 0.4


def test_streams_cover_a_sequence():
    assert starts(100, 120) == [] and starts(120, 120) == [0] and starts(149, 120) == [0]
    assert starts(240, 120) == [0, 120] and starts(300, 120) == [0, 90, 180]


def test_phones_become_segments():
    found = segments(np.array([0, 0, 5, 5, 5, 7, 0]))
    assert np.allclose(found, [[5, 2 / 30, 3 / 30], [7, 5 / 30, 1 / 30]])
    assert segments(np.zeros(4, int)).shape == (0, 3)


def test_streams_have_the_layout_of_the_conversation_corpus(corpus):
    names = sorted(p.stem for p in corpus.glob("*.npz"))
    assert names == ["test-0000", "test-0001"] + [f"train-000{k}" for k in range(8)]
    with np.load(corpus / "train-0000.npz") as file, np.load(corpus / "body/train-0000.npz") as body:
        assert {"mel", "face", "phone", "style", "facing", "emotion"} <= set(file)
        assert [file[k].dtype.name for k in ("mel", "face", "phone", "style")] == ["float16"] * 2 + ["uint8"] * 2
        assert file["mel"].shape == (2, 122, 2, 80) and str(file["kind"]) == "interact"
        assert set(body) == {"lower", "upper", "head", "root", "action", "relationship", "placement"}
        root = integrate(body["lower"][0].astype(float), body["root"][0, 0].astype(float))
        assert np.abs(root - body["root"][0]).max() < 1e-4
        assert np.abs(placements(np.swapaxes(body["root"][None], 1, 2))[0, :, 0] - body["placement"][0]).max() < 1e-5
    assert np.load(corpus / "tokens/train-0000.npy").shape == (2, 120, 256)
    assert (corpus / "test-0000.a.wav").exists()
    summary = json.loads((corpus / "summary.json").read_text())
    assert summary["streams"] == {"test": 2, "train": 8} and summary["shares"]["action walk"] == pytest.approx(0.2)
    assert summary["shares"]["action sit"] == pytest.approx(0.2)
    assert summary["shares"]["without a face"] == pytest.approx(0.2)


def test_trainings_read_it_and_faces_that_are_missing_are_left_out(corpus, monkeypatch):
    for module in (corpus_conversation, body_windows):
        monkeypatch.setattr(module, "folder", lambda: corpus)
    body = body_windows.load_part("train", "tokens")
    assert len(body["lower"]) == 8 and np.isfinite(body["upper"]).all()
    stats = {p: body_windows.statistics(body[p], body["action"], p) for p in body_windows.PARTS}
    batch = BodyWindows(body, stats, "upper", 10, 0).batch(2)
    assert all(torch.isfinite(value).all() for value in batch.values())
    data = FaceWindows("train", "tokens", 64, 0).data
    assert data["face"].shape == (6, 2, 120, 51) and np.isfinite(data["face"]).all()
    assert data["token"].shape == (6, 2, 120, 256) and data["phone"].shape == (6, 2, 120)


def test_a_broken_sequence_stops_the_run_or_is_left_out(dataset, library, tmp_path):
    sequence = library.sequences[0]
    path = sequence.persons[1].arkit
    good = path.read_bytes()
    try:
        np.save(path, np.zeros((360, 51)))
        with pytest.raises(DatasetError, match="do not belong together in time"):
            read_sequence(sequence, library)
        few = Library(**vars(library) | {"sequences": library.sequences[:1], "notes": []})
        assert check(few) == 1
        build = Build(few, SpeechEncoder().eval(), tmp_path / "part", "tokens", STREAM_S)
        with pytest.raises(DatasetError):
            write(build, tmp_path / "out", skip_broken=False)
        assert write(build, tmp_path / "out", skip_broken=True)["streams"] == {}
        assert any("left out" in note for note in few.notes)
        (tmp_path / "mine").mkdir()
        with pytest.raises(DatasetError, match="taken"):
            write(build, tmp_path / "mine", skip_broken=True)
    finally:
        path.write_bytes(good)


def test_missing_files_are_named(tmp_path):
    with pytest.raises(DatasetError, match="not the InterAct data set"):
        open_library(tmp_path / "nowhere")
    write_dataset(tmp_path, SEQUENCES[:2], seconds=1.0)
    (tmp_path / "wav/20231119_002_051.wav").unlink()
    (tmp_path / "face_ict/20231119_001_052.npy").unlink()
    (tmp_path / "face_arkit/20231119_001_052.npy").unlink()
    found = open_library(tmp_path)
    assert [s.name for s in found.sequences] == ["20231119_052"]
    text = "\n".join(found.notes)
    assert "wav/20231119_002_051.wav is missing" in text and "20231119_001_051: no partner" in text
    assert "20231119_001_052: no face" in text
    (tmp_path / "actors.db").unlink()
    with pytest.raises(DatasetError, match="actors.db"):
        open_library(tmp_path)


def test_a_face_in_ict_alone_is_converted(dataset, library, tmp_path):
    write_dataset(tmp_path, SEQUENCES[:2], seconds=2.0)
    for path in (tmp_path / "face_arkit").glob("*_051.npy"):
        path.unlink()
    found = open_library(tmp_path)
    whole = read_sequence(found.sequences[0], found)
    assert np.isfinite(whole["face"]).all() and whole["face"][0, :, 24].max() > 0.1
    write_face(tmp_path, "20231119_001_052", 60, 9, np.zeros(40_000, np.float32))
    np.save(tmp_path / "face_arkit/20231119_001_052.npy", np.random.default_rng(0).random((60, 51)))
    np.save(tmp_path / "face_arkit/20231119_002_052.npy", np.random.default_rng(1).random((60, 51)))
    assert open_library(tmp_path).conversion is None


def test_pieces_begin_without_a_move(library):
    whole = read_sequence(library.sequences[1], library) | {"phone": np.zeros((2, 180), np.uint8)}
    _, body = cut(whole, 30, 120)
    assert not body["lower"][:, 0, :3].any() and body["lower"][:, 5, 1].max() > 0.02


class Aligner:
    """Stands for PocketSphinx: one phone over the first second of known sentences."""

    def align(self, text: str, samples: np.ndarray) -> list | None:
        return [(text, "AA", 0.0, 1.0)] if "3" in text else None


def test_accurate_lips_become_a_corpus_of_faces(library, tmp_path, monkeypatch):
    write_lip_acc(tmp_path, 20)
    readings = read_readings(tmp_path, None, Aligner())
    assert [r.number for r in readings] == list(range(1, 21)) and readings[4].text == "sentence 5 of the list"
    assert [r.part for r in readings[7:10]] == ["val", "test", "train"]
    assert (readings[2].phone[:30] == 2 - 1).all() and readings[2].phone[31:].any() == 0 and readings[0].phone is None
    track = tracks(readings, 100)[0]
    assert track["face"].shape == (2, 100, 51) and track["sound"].shape == (2, 61_333)
    # The second reading of a track begins on its own frame, with its own sound.
    assert track["face"][0, 74, 0] == np.float32(0.01) and track["face"][0, 75, 0] == np.float32(0.03)
    assert np.allclose(track["sound"][0, 40_000:41_000], readings[2].sound[:1000])
    few = Library(**vars(library) | {"root": tmp_path, "notes": []})
    build = Build(few, SpeechEncoder().eval(), tmp_path / "x", "tokens", STREAM_S)
    assert lips(few, build, tmp_path / "lips") == {"train": 5, "val": 0, "test": 0}
    monkeypatch.setattr(corpus_conversation, "folder", lambda: tmp_path / "lips")
    data = FaceWindows("train", "tokens", 64, 0).data
    assert data["face"].shape == (5, 2, 120, 51) and (data["style"] == 5).all()


def test_lip_readings_without_files_or_sentences_are_named(tmp_path):
    (tmp_path / "lip_acc").mkdir()
    with pytest.raises(DatasetError, match="no readings"):
        read_readings(tmp_path, None)
    assert sentences(tmp_path, [1]) == {}
    (tmp_path / "lip_acc_sentences.txt").write_text("one\n")
    assert sentences(tmp_path, [0]) == {0: "one"}
    with pytest.raises(DatasetError, match="fewer sentences"):
        sentences(tmp_path, [1, 2])
