"""Log-mel, phones and the counter-based normal numbers."""

import librosa
import numpy as np

import mel
import philox
from checkpoint import load_safetensors
from corpus_speech import REPOSITORY
from phones import PHONE_ID, PHONES, PHONES_OF_VISEME, VISEMES, frame_phones, viseme_probabilities


def test_mel_filters_are_slaneys():
    theirs = librosa.filters.mel(sr=16000, n_fft=512, n_mels=80, fmin=0, fmax=8000, htk=False, norm="slaney")
    assert np.abs(mel.FILTERS - theirs).max() < 1e-8


def test_rows_by_a_plain_fourier_sum():
    samples = np.random.default_rng(1).uniform(-1, 1, 2000)
    rows = mel.log_mel(samples)
    for r in (1, 3, 7):
        end = int(np.floor(r * 16000 / 60 + 0.5))
        window = np.array([samples[n] if n >= 0 else 0 for n in range(end - 400, end)])
        window = window * (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400))
        waves = np.exp(-2j * np.pi * np.outer(np.arange(257), np.arange(400)) / 512)
        power = mel.FILTERS @ np.abs(waves @ window) ** 2
        assert np.abs(rows[r] - (np.log(np.maximum(power, 1e-10)) + 10) / 5).max() < 1e-6


def test_only_whole_rows_and_ticks():
    for count in (0, 1, 266, 267, 533, 534, 1067, 15999, 16000):
        samples = np.zeros(count)
        rows, ticks = len(mel.log_mel(samples)), len(mel.tick_rows(samples))
        assert rows == 0 or mel.row_end(rows - 1) <= count < mel.row_end(rows)
        assert ticks == 0 or mel.row_end(2 * ticks - 2) <= count < mel.row_end(2 * ticks)


def test_first_tick_is_silence():
    assert (mel.tick_rows(np.ones(16000))[0] == mel.SILENT_ROW).all()


def test_golden_rows():
    golden, _ = load_safetensors(REPOSITORY / "test/golden/logmel.safetensors")
    assert np.abs(mel.log_mel(golden["samples"]) - golden["rows"]).max() < 1e-6


def test_philox_known_answers():
    pi = [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344]
    cases = (
        ([0, 0, 0, 0], [0, 0], "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (pi, [0xA4093822, 0x299F31D0], "d16cfe09 94fdcceb 5001e420 24126ea1"),
    )
    for counter, key, words in cases:
        assert " ".join(f"{word:08x}" for word in philox.philox4x32(counter, key)) == words


def test_normals_are_normal():
    numbers = philox.normals(2**40 + 5, 500, 80, 3, 1)
    assert abs(numbers.mean()) < 0.02 and abs(numbers.std() - 1) < 0.02
    assert np.array_equal(numbers[1, :7], philox.normals(2**40 + 5, 7, 2, 3, 1)[1])


def test_every_phone_has_one_viseme():
    named = " ".join(PHONES_OF_VISEME[viseme] for viseme in VISEMES).split()
    assert sorted(named) == sorted(PHONES) and len(PHONES) == 40 and len(VISEMES) == 15
    summed = viseme_probabilities(np.eye(40, dtype=np.float32)[PHONE_ID["M"]])
    assert VISEMES[summed.argmax()] == "PP"


def test_frames_take_the_phone_at_their_time():
    labels = frame_phones([(5, 0.0, 0.1), (7, 0.1, 0.05)], 6)
    assert labels.tolist() == [5, 5, 5, 7, 7, 0]
