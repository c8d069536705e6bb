"""Simulated talk: who speaks when, responses that hang on the partner's voice, heads without jitter, faces made again."""

import numpy as np
import pytest

import corpus_conversation as corpus
from corpus_speech import RATE_HZ, Utterance, save_utterances
from head_motion import DEGREE, head_motion
from interplay import NOD, VOICE, Talk, plan
from phones import PHONE_ID
from prosody import PITCH_RATE_HZ, laugh, low_stretches, pitch
from talk_sound import voices_of

STREAMS = 10


def spoken(random: np.random.Generator, id: str, voice: str, hz: float, seconds: float) -> Utterance:
    """Syllables of a falling voice, with their phones."""
    count, at, segments = int(seconds * RATE_HZ), 0.05, []
    t = np.arange(count) / RATE_HZ
    glide = hz * (1.25 - 0.5 * t / seconds)
    tone = sum(np.sin(2 * np.pi * k * np.cumsum(glide) / RATE_HZ) / k for k in (1, 2, 3, 4))
    loud = np.zeros(count)
    while at < seconds - 0.3:
        vowel = random.uniform(0.08, 0.2)
        segments += [(PHONE_ID["T"], at, 0.06), (PHONE_ID[str(random.choice(["AA", "IY", "OW"]))], at + 0.06, vowel)]
        loud[(t > at + 0.06) & (t < at + 0.06 + vowel)] = random.uniform(0.4, 1.0)
        at += 0.06 + vowel
    samples = np.round(6000 * np.convolve(loud, np.ones(160) / 160, "same") * tone).astype(np.int16)
    return Utterance(id, voice, "", samples, np.array(segments, np.float32))


@pytest.fixture(scope="module")
def voices(tmp_path_factory):
    random = np.random.default_rng(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DUOLOGUE_CACHE", str(tmp_path_factory.mktemp("cache")))
        (corpus.cache_folder() / "speech").mkdir()
        made = [spoken(random, f"a{i}", "anna", 210, random.uniform(1, 5)) for i in range(6)]
        save_utterances(corpus.cache_folder() / "speech" / "kathleen.train.npz", made)
        made = [spoken(random, f"b{i}", "ben", 110, random.uniform(1, 5)) for i in range(6)]
        save_utterances(corpus.cache_folder() / "speech" / "flite.train.npz", made)
        made = [spoken(random, f"c{i}", "ben", 100, 0.6) for i in range(2)]
        save_utterances(corpus.cache_folder() / "speech" / "backchannel.train.npz", made)
        yield voices_of("train")


@pytest.fixture(scope="module")
def streams(voices):
    return [corpus.simulate(seed, voices)[0] for seed in range(STREAMS)]


def test_pitch_and_its_low_stretches():
    utterance = spoken(np.random.default_rng(0), "x", "x", 160, 3.0)
    track = pitch(utterance.samples / 32768, utterance.segments)
    t = np.arange(len(track)) / PITCH_RATE_HZ
    expected = 160 * (1.25 - 0.5 * t / 3.0)
    assert (track > 0).mean() > 0.4
    assert np.median(np.abs(track / expected - 1)[track > 0]) < 0.03
    # The voice falls: what is low comes late.
    cues = low_stretches(track, utterance.segments)
    assert cues and min(cues) > 1.5


def test_laugh_has_bursts_and_phones():
    sound, segments = laugh(np.random.default_rng(2), 180)
    assert np.abs(sound).max() == pytest.approx(1) and len(sound) / RATE_HZ > 0.5
    assert {int(p) for p in segments[:, 0]} == {PHONE_ID["HH"], PHONE_ID["AH"]}
    assert (segments[:, 2] > 0).all() and segments[-1, 1] + segments[-1, 2] <= len(sound) / RATE_HZ


def test_streams_are_whole_and_the_same_for_a_seed(voices, streams):
    again = corpus.simulate(3, voices)[0]
    for name, value in vars(streams[3]).items():
        assert np.array_equal(value, getattr(again, name)), name
    for stream in streams:
        assert stream.face.shape == (2, corpus.FRAMES, 51) and stream.head.shape == (2, corpus.FRAMES, 3)
        assert 0 <= stream.face.min() and stream.face.max() <= 1
        assert np.abs(stream.head).max() < 35 * DEGREE
        for name in ("turns", "backchannels", "laughs", "nods", "smiles", "onsets"):
            events = getattr(stream, name)
            assert set(events[:, 0]) <= {0, 1} and (np.diff(events[:, 1]) >= 0).all()
        for name in ("segments_0", "segments_1"):
            segments = getattr(stream, name)
            assert (np.diff(segments[:, 1]) > 0).all()
            assert (segments[1:, 1] > segments[:-1, 1] + segments[:-1, 2] - 0.02).all()


def test_heads_do_not_jitter(streams):
    head = np.stack([s.head for s in streams]).astype(float)
    power = np.abs(np.fft.rfft(head - head.mean(2, keepdims=True), axis=2)) ** 2
    fast = np.fft.rfftfreq(head.shape[2], 1 / 30) > 5
    assert power[:, :, fast].sum() / power.sum() < 1e-3


def test_responses_follow_the_partners_voice(streams):
    answered, voiced = 0, 0
    for stream in streams:
        for person, time, form, cue in stream.backchannels:
            partner = stream.phone[1 - int(person)]
            assert 0.1 < time - cue < 0.9
            heard = partner[max(int((cue - 0.8) * 30), 0) : int(cue * 30) + 1]
            assert (heard > 0).any()
            answered += 1
            voiced += int(form) & VOICE > 0
            if int(form) & NOD:
                nods = stream.nods[stream.nods[:, 0] == person, 1]
                assert np.abs(nods - time).min() < 0.25
    assert answered > 15 and 0 < voiced < 0.7 * answered


def test_heads_come_up_at_an_onset():
    n = 300
    quiet = Talk([], [], [], np.zeros(n, bool), np.zeros(n))
    speaking = np.zeros(n, bool)
    speaking[120:240] = True
    speaker = Talk([(4.0, 8.0)], [(4.0, 8.0)], [], speaking, 0.8 * speaking)
    emotion, facing = np.zeros((2, n), int), np.ones((2, n), int)
    moved = []
    for seed in range(30):
        random = np.random.default_rng(seed)
        acts = plan(random, [quiet, speaker], emotion, facing)[0]
        acts.nods, acts.away, acts.shakes = [], [], []
        head = head_motion(random, quiet, speaker, emotion[0], facing[0], acts)
        moved.append(head[:, 0])
        assert all(0.1 < start - onset < 0.35 for onset, start, _ in acts.onsets)
    change = np.abs(np.array(moved) - np.array(moved)[:, 119:120]).mean(0)
    assert change[120:124].max() < 0.3 * change[129:135].max()


def test_moods_laughs_and_kinds_vary(streams):
    assert len({str(s.kind) for s in streams}) >= 3
    assert any(len(s.laughs) for s in streams)
    assert len(np.unique(np.stack([s.emotion for s in streams]))) >= 5


def test_faces_are_made_again(streams):
    stream = vars(streams[2])
    assert np.abs(corpus.stored_face(stream).astype(float) - stream["face"].astype(float)).max() < 0.02


def test_held_out_streams_leave_the_ranges(voices):
    people = [corpus.Person(np.random.default_rng(i), voices, 48, held_out=True) for i in range(20)]
    speeds = {p.speed for p in people} - {1.0}
    assert speeds and all(s < corpus_speed(0) or s > corpus_speed(1) for s in speeds)


def corpus_speed(end: int) -> float:
    from turns import SPEED

    return SPEED[end]
