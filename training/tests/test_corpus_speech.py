"""The speech corpus on tiny data: splits, alignment, synthetic voices, and what the windows do to sound."""

import importlib.util
import json
import shutil

import numpy as np
import pytest
import soundfile
import torch

import augment
import corpus_speech
from augment import AUGMENT, SpeechWindows, spliced, telephone, warped_filters
from corpus_speech import BACKCHANNELS, ESPEAK_TEST, ESPEAK_TRAIN, Utterance, grid_split, save_utterances
from export import golden_sound
from mel import FILTERS, log_mel, mel_filters
from phone_alignment import GRID_PRONUNCIATIONS, words_of
from phones import PHONE_ID, SILENCE
from sentences import invented, own_sentences
from synthesis import ESPEAK_PHONES

needs_aligner = pytest.mark.skipif(
    not importlib.util.find_spec("pocketsphinx") or not shutil.which("flite"), reason="needs pocketsphinx and flite"
)
needs_espeak = pytest.mark.skipif(not shutil.which("espeak-ng"), reason="needs espeak-ng")


def tiny(count=4, seconds=2.0):
    """Utterances of buzz and hiss with phones every 0.1 s."""
    phones = [PHONE_ID[p] for p in "SIL B IH N B L UW AE T F AY V S UW N SIL".split()]
    segments = np.array([(p, 0.1 * i, 0.1) for i, p in enumerate(phones)], np.float32)
    return [
        Utterance(f"u{i}", f"v{i % 2}", "bin blue", (golden_sound(seconds, i) * 32767).astype(np.int16), segments)
        for i in range(count)
    ]


@pytest.fixture
def cached(tmp_path, monkeypatch):
    monkeypatch.setenv("DUOLOGUE_CACHE", str(tmp_path))
    (tmp_path / "speech").mkdir()
    save_utterances(tmp_path / "speech" / "tiny.npz", tiny())
    return tmp_path


def test_phones_of_the_tables_exist():
    for pronunciations in GRID_PRONUNCIATIONS.values():
        for pronunciation in pronunciations:
            assert set(pronunciation.split()) <= set(PHONE_ID)
    for phones in ESPEAK_PHONES.values():
        assert set(phones.split()) <= set(PHONE_ID)
    assert not set(ESPEAK_TRAIN) & set(ESPEAK_TEST)
    assert sum(text.startswith(("ha", "he")) for text in BACKCHANNELS) >= 4


def test_every_sixth_clip_is_validation():
    clips = [f"clip{i:02d}" for i in range(87)]
    held_out = grid_split(clips[::-1])
    assert len(held_out) == 15 and {"clip00", "clip06", "clip84"} <= held_out


def test_invented_sentences_keep_to_known_words():
    sentences = own_sentences()
    known = {word for text in sentences for word in words_of(text)}
    texts = [text for text, _ in zip(invented(np.random.default_rng(1), sentences), range(50))]
    assert all(set(words_of(text)) <= known and 4 <= len(words_of(text)) <= 14 for text in texts)
    assert len(set(texts)) == 50 and not set(texts) & set(sentences)


def test_utterances_come_back(cached):
    for was, found in zip(tiny(), corpus_speech.load_utterances("tiny")):
        assert (was.id, was.voice, was.text) == (found.id, found.voice, found.text)
        assert np.array_equal(was.samples, found.samples) and np.array_equal(was.segments, found.segments)


@pytest.mark.parametrize("worse", [0.0, 1.0])
def test_windows_have_their_shapes_and_a_seed(cached, worse):
    windows = SpeechWindows({"tiny": 1}, 2, 2, 5, worse)
    first = [next(iter(windows)) for _ in range(2)]
    assert torch.equal(first[0]["mel"], first[1]["mel"])
    random = np.random.default_rng(1)
    for _ in range(12):
        window = windows.window(random)
        assert window["mel"].shape == (60, 2, 80) and window["mel"].dtype == torch.float32
        assert torch.isfinite(window["mel"]).all() and window["mel"].min() >= -2.61
        assert window["phone"].shape == window["voicing"].shape == window["energy"].shape == (60,)
        assert (window["phone"][:2] == augment.IGNORED).all() and window["phone"][2:].min() >= 0


def test_untouched_windows_follow_the_recording(cached, monkeypatch):
    monkeypatch.setitem(AUGMENT, "level dB", (0.0, (0, 0)))
    windows = SpeechWindows({"tiny": 1}, 3, 2, 5, 0.0)
    samples, segments = windows.speech(np.random.default_rng(3), 48000)
    start = segments[0][1]
    first = next(u for u in tiny() if np.allclose(samples[int(start * 16000) :][:4000], u.samples[:4000] / 32768))
    assert [p for p, _, _ in segments[:16]] == first.segments[:, 0].astype(int).tolist()


def test_splices_start_with_an_obstruent():
    samples, segments = spliced(np.random.default_rng(2), tiny())
    assert augment.OBSTRUENT[int(segments[0, 0])]
    assert abs(len(samples) / 16000 - segments[:, 2].sum()) < 0.01
    assert np.all(np.diff(segments[:, 1]) > 0) and segments[0, 1] == 0


def test_the_telephone_has_its_band():
    noise = np.random.default_rng(1).standard_normal(16000).astype(np.float32) * 0.1
    heard = telephone(np.random.default_rng(1), noise)
    power = np.abs(np.fft.rfft(heard)) ** 2
    assert len(heard) == 16000 and power[4300:].mean() < 1e-2 * power[500:3000].mean()
    assert power[:100].mean() < 0.1 * power[500:3000].mean()


def test_warped_filters_move_the_bands():
    assert np.array_equal(mel_filters(), FILTERS)
    peaks = {warp: warped_filters(warp).argmax(1)[20] for warp in (0.84, 1.0, 1.18)}
    assert peaks[0.84] < peaks[1.0] < peaks[1.18]
    tone = np.sin(2 * np.pi * 1500 * np.arange(8000) / 16000)
    plain, warped = (log_mel(tone, filters=f)[10].argmax() for f in (FILTERS, mel_filters(1.18)))
    assert warped < plain


@needs_espeak
def test_espeak_voices_speak_with_phones():
    found = corpus_speech.espeak_part("try", ["Bob may buy five big maps."] * 3, ESPEAK_TEST, 1)
    assert len(found) == 3 and all(len(u.segments) > 15 and len(u.samples) > 16000 for u in found)
    short = corpus_speech.backchannel_part("test", 1)
    assert {u.text for u in short} == set(BACKCHANNELS) and max(len(u.samples) for u in short) < 4 * 16000


@needs_aligner
def test_aligner_finds_what_flite_said(tmp_path):
    from phone_alignment import Aligner

    text = "My neighbour's map."
    samples, truth = corpus_speech.flite(text, "slt", 1.0)
    aligner = Aligner()
    found = aligner.segments(text, samples)
    names = [list(PHONE_ID)[int(p)] for p in found[:, 0] if p != SILENCE]
    assert names == "M AY N EY B ER Z M AE P".split()
    bilabial = PHONE_ID["B"]
    theirs, ours = (rows[rows[:, 0] == bilabial][0, 1] for rows in (truth, found))
    assert abs(theirs - ours) < 0.04
    assert aligner.segments("zxqv", samples) is None


@needs_aligner
def test_grid_clips_by_their_words(tmp_path, monkeypatch):
    folder = tmp_path / "data" / "face-grid-s1"
    (folder / "flac").mkdir(parents=True)
    samples, truth = corpus_speech.flite("bin blue at b five now", "rms", 1.0)
    soundfile.write(folder / "flac" / "clip.flac", samples, 16000)
    end = float(truth[-2, 1] + truth[-2, 2])
    words = [["sil", 0.0, 0.2]]
    words += [[word, 0.2 + i * (end - 0.2) / 6, 0.2 + (i + 1) * (end - 0.2) / 6] for i, word in enumerate(
        "bin blue at b five now".split()
    )]
    (folder / "words.json").write_text(json.dumps({"clip": [*words, ["sil", end, end + 0.2]]}))
    monkeypatch.setenv("DUOLOGUE_SHARED", str(tmp_path))
    parts = corpus_speech.grid()
    assert not parts["train"] and len(parts["val"]) == 1
    names = [list(PHONE_ID)[int(p)] for p in parts["val"][0].segments[:, 0]]
    assert names[:6] == "B IH N B L UW".split() and names[-2:] == ["N", "AW"] and SILENCE not in names
