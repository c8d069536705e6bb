"""The speech corpus: recorded talkers with aligned phones, and synthetic voices with the phones they spoke.

    python corpus_speech.py            # builds the cache (about 15 minutes on two cores) and prints a table

Recordings come from ../shared/data (or $DUOLOGUE_SHARED); the cache lies outside the repository, in
$DUOLOGUE_CACHE (default ~/.cache/duologue). Synthetic voices are those of flite and espeak-ng, if installed.

    part                what                                                                   used for
    kathleen.train      one woman, the train split and val utterances with a sentence of it    training
    kathleen.val, .test her sentences that train does not have                                 validation, test
    grid.train, .val    one GRID talker; every sixth clip is validation                        training, validation
    flite.train         five voices; phones aligned by the tool that aligned the recordings    training
    espeak.train, .test variants with the synthesizer's own phone times; test: other variants  training, test
    backchannel.*       "mm-hm", "yeah", laughs by both synthesizers                           conversation
    dc-tts.test         one man, wholly held out: the unseen talker                            test
"""

import argparse
import json
import os
import re
import shutil
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from phone_alignment import Aligner, grid_aligner, grid_segments
from phones import PHONE_ID, SILENCE
from sentences import invented, own_sentences
from synthesis import RATE_HZ, Espeak, flite

REPOSITORY = Path(__file__).resolve().parent.parent
FLITE_VOICES = ("slt", "rms", "awb", "kal", "kal16")
ESPEAK_ACCENTS = (("en-us", 0.62), ("en-us-nyc", 0.08), ("en", 0.14), ("en-gb-x-rp", 0.08), ("en-gb-scotland", 0.08))
ESPEAK_TRAIN = (
    "f1 f2 f4 f5 m1 m2 m3 m4 m6 m7 m8 Alex Alicia Andrea Andy Denis Gene Henrique Jacky Lee Marco Michael Mike Nguyen "
    "Storm adam anika antonio aunty belinda benjamin boris david ed edward grandma john klatt klatt4 linda marcelo max "
    "michel norbert pablo paul quincy rob robert sandro shelby steph travis victor"
).split()
ESPEAK_TEST = "f3 m5 Annie Mario Hugo caleb grandpa zac miguel pedro Diogo Gene2".split()
GRID_EVERY = 6
LONGEST_PHONE_S = 0.6
# The aligner reads a phone's frames some 10 ms before the synthesizer says it starts.
CONVENTION_S = 0.01

BACKCHANNELS = {
    # said as: (flite's phones or None for its own reading of the text, espeak-ng's text)
    "mm-hm": ("m hh m", "[[m'hVm]]"),
    "mhm": ("m hh ah m", "[[m'hVm]]"),
    "mm": ("m m", "[[m:m]]"),
    "hmm": ("hh m m", "[[h'Vm]]"),
    "uh-huh": ("ah hh ah", "[[V'hV]]"),
    "oh": ("ow", "oh"),
    "ah": ("aa", "[[A:]]"),
    "wow": ("w aw", "wow"),
    **{
        text: (None, text)
        for text in (
            "yeah|right|okay|oh really|really|sure|I see|yes|no way|oh no|of course|exactly|oh yeah|got it|true|"
            "that's right|oh wow|good point|absolutely|I know"
        ).split("|")
    },
    "ha ha ha": ("hh aa hh aa hh aa", "[[h'Ah'Ah'A]]"),
    "ha ha": ("hh ah hh ah", "[[h'Vh'V]]"),
    "ha ha ha ha": ("hh aa hh ah hh ah hh ah", "[[h'Ah'Vh'Vh'V]]"),
    "heh heh": ("hh eh hh eh", "[[h'Eh'E]]"),
    "hee hee": ("hh iy hh iy", "[[h'i:h'i:]]"),
}
"""Short answers and laughs; a laugh starts with "h" and repeats."""


class Utterance(NamedTuple):
    """One utterance: samples int16 [N] at 16 kHz, segments f32 [n, 3] = (phone id, start s, duration s)."""

    id: str
    voice: str
    text: str
    samples: np.ndarray
    segments: np.ndarray


def shared_data():
    """The folder of recordings, or None where this machine has none."""
    folder = Path(os.environ.get("DUOLOGUE_SHARED", REPOSITORY.parent / "shared")) / "data"
    return folder if folder.is_dir() else None


def cache_folder():
    """The folder for derived files, outside the repository."""
    folder = Path(os.environ.get("DUOLOGUE_CACHE", Path.home() / ".cache" / "duologue"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def plain_text(text):
    """A transcript without case and punctuation, to tell whether two are the same sentence."""
    return " ".join(re.sub(r"[^a-z' ]", " ", text.lower()).split())


def recorded(name):
    """Every aligned utterance of shared/data/speech-<name>."""
    folder = shared_data() / f"speech-{name}"
    rows = (folder / "transcripts.tsv").read_text().splitlines()[1:]
    texts = dict(row.split("\t", 1) for row in rows)
    aligned = json.loads((folder / "phones.json").read_text())
    for id in sorted(aligned):
        samples, rate = soundfile.read(folder / "flac" / f"{id}.flac", dtype="int16")
        assert rate == RATE_HZ
        segments = [(PHONE_ID[phone], start, duration) for _, phone, start, duration in aligned[id]]
        yield Utterance(id, name, texts[id], samples, np.array(segments, np.float32))


def kathleen():
    """Kathleen utterances by split, those without phone times aligned here.

    Sentences of val and test that occur in train are dropped from them; those of val join train instead.
    """
    split = json.loads((shared_data() / "speech-kathleen" / "split.json").read_text())
    rows = (shared_data() / "speech-kathleen" / "transcripts.tsv").read_text().splitlines()[1:]
    texts = dict(row.split("\t", 1) for row in rows)
    known = {plain_text(text) for id, text in texts.items() if split[id] == "train"}
    parts = {"train": [], "val": [], "test": []}
    for utterance in recorded("kathleen"):
        part = split[utterance.id]
        if part == "train" or plain_text(utterance.text) not in known:
            parts[part].append(utterance)
        elif part == "val":
            parts["train"].append(utterance)
    return parts


def kathleen_more(known):
    """Train utterances that came without phone times, aligned here; `known`: ids that need none."""
    folder = shared_data() / "speech-kathleen"
    split = json.loads((folder / "split.json").read_text())
    texts = dict(row.split("\t", 1) for row in (folder / "transcripts.tsv").read_text().splitlines()[1:])
    aligner, found = Aligner(), []
    for id in sorted(texts):
        if split[id] != "train" or id in known:
            continue
        samples, _ = soundfile.read(folder / "flac" / f"{id}.flac", dtype="int16")
        segments = aligner.segments(texts[id], samples)
        if segments is not None and segments[segments[:, 0] != SILENCE, 2].max() < LONGEST_PHONE_S:
            found.append(Utterance(id, "kathleen", texts[id], samples, segments))
    return found


def dc_tts():
    """Aligned dc-tts utterances: all of them are held out."""
    return {"test": list(recorded("dc-tts"))}


def grid_split(clips):
    """The validation clips among GRID clip names: every sixth in sorted order."""
    return set(sorted(clips)[::GRID_EVERY])


def grid():
    """face-grid-s1's sound by split, with phones aligned here."""
    folder = shared_data() / "face-grid-s1"
    words = json.loads((folder / "words.json").read_text())
    validation, aligner = grid_split(words), grid_aligner()
    parts = {"train": [], "val": []}
    for clip in sorted(words):
        samples, rate = soundfile.read(folder / "flac" / f"{clip}.flac", dtype="int16")
        assert rate == RATE_HZ
        segments = grid_segments(aligner, words[clip], samples)
        if segments is not None:
            text = " ".join(word for word, _, _ in words[clip] if word not in ("sil", "sp"))
            parts["val" if clip in validation else "train"].append(Utterance(clip, "grid-s1", text, samples, segments))
    return parts


def flite_part(voice, sentences, seed):
    """Utterances of one flite voice; phones by the aligner, which knows the pronunciation that was meant."""
    random, aligner, found = np.random.default_rng(seed), Aligner(), []
    for i, text in enumerate(sentences):
        pitch = random.uniform(80, 170)
        samples, _ = flite(text, voice, random.uniform(0.8, 1.3), pitch, pitch * random.uniform(0.06, 0.25))
        segments = aligner.segments(text, samples)
        if segments is not None:
            found.append(Utterance(f"flite_{voice}_{i:04d}", voice, text, samples, segments))
    return found


def espeak_settings(random, variants):
    """A voice of espeak-ng and its speed, pitch and range."""
    accents = [name for name, _ in ESPEAK_ACCENTS]
    accent = accents[random.choice(len(accents), p=[share for _, share in ESPEAK_ACCENTS])]
    voice = f"{accent}+{variants[random.integers(len(variants))]}"
    return voice, (int(random.integers(125, 215)), int(random.integers(20, 85)), int(random.integers(25, 95)))


def espeak_said(random, espeak, text, variants):
    """(voice, samples, segments) of a text in a voice drawn for it, phone times moved to the aligner's convention; None
    where it has a phoneme outside English."""
    voice, settings = espeak_settings(random, variants)
    try:
        samples, segments = espeak.speak(text, voice, *settings)
    except KeyError:
        return None
    segments[:, 1] -= CONVENTION_S
    return voice, samples, segments


def espeak_part(name, sentences, variants, seed):
    """Utterances of espeak-ng's variants."""
    random, espeak, found = np.random.default_rng(seed), Espeak(), []
    for i, text in enumerate(sentences):
        said = espeak_said(random, espeak, text, variants)
        if said:
            voice, samples, segments = said
            found.append(Utterance(f"espeak_{name}_{i:04d}", voice, text, samples, segments))
    return found


def backchannel_part(part, seed):
    """Each short answer by flite's voices and twelve espeak-ng variants (test: by espeak-ng's test variants)."""
    random, espeak, found = np.random.default_rng(seed), Espeak(), []
    for text, (phones, spelled) in BACKCHANNELS.items():
        for voice in FLITE_VOICES if part == "train" and shutil.which("flite") else ():
            for take in range(2):
                pitch = random.uniform(85, 160)
                stretch = random.uniform(0.9, 1.5)
                samples, segments = flite(phones or text, voice, stretch, pitch, 0.15 * pitch, phones is not None)
                segments[:, 1] -= CONVENTION_S
                found.append(Utterance(f"backchannel_{voice}_{len(found):04d}", voice, text, samples, segments))
        for take in range(12 if part == "train" else 5):
            said = espeak_said(random, espeak, spelled, ESPEAK_TRAIN if part == "train" else ESPEAK_TEST)
            if said:
                voice, samples, segments = said
                found.append(Utterance(f"backchannel_espeak_{part}_{len(found):04d}", voice, text, samples, segments))
    return found


def drawn(random, sentences, count, mixed_share):
    """`count` texts: sentences, two in a row now and then, and invented ones over the same words."""
    words = invented(random, sentences)
    texts = []
    for _ in range(count):
        text = sentences[random.integers(len(sentences))]
        if random.random() < mixed_share:
            text = next(words)
        elif random.random() < 0.12:
            text += " " + sentences[random.integers(len(sentences))]
        texts.append(text)
    return texts


def synthetic_jobs(train, test, flite_count, espeak_count, seed):
    """{part: [calls that return utterances]} of the synthetic parts; `train`, `test`: their sentences."""
    random, jobs = np.random.default_rng(seed), {}
    if shutil.which("flite"):
        texts = [drawn(random, train, flite_count, 0.4) for _ in FLITE_VOICES]
        jobs["flite.train"] = [
            partial(flite_part, voice, texts[i], [seed, i]) for i, voice in enumerate(FLITE_VOICES)
        ]
    if shutil.which("espeak-ng"):
        halves = [drawn(random, train, espeak_count // 2, 0.4) for _ in range(2)]
        jobs["espeak.train"] = [
            partial(espeak_part, f"train{i}", texts, ESPEAK_TRAIN, [seed, 50 + i]) for i, texts in enumerate(halves)
        ]
        jobs["espeak.test"] = [partial(espeak_part, "test", test, ESPEAK_TEST, [seed, 60])]
        for i, part in enumerate(("train", "test")):
            jobs[f"backchannel.{part}"] = [partial(backchannel_part, part, [seed, 70 + i])]
    return jobs


def save_utterances(path, utterances):
    """Write utterances as one .npz."""
    np.savez(
        path,
        index=json.dumps([(u.id, u.voice, u.text, len(u.samples), len(u.segments)) for u in utterances]),
        samples=np.concatenate([u.samples for u in utterances]),
        segments=np.concatenate([u.segments for u in utterances]),
    )


def load_utterances(part):
    """Utterances of one cached part, e.g. "kathleen.train", "dc-tts.test", "flite.train"."""
    path = cache_folder() / "speech" / f"{part}.npz"
    if not path.exists():
        raise FileNotFoundError(f"{path} is not there: run `python training/corpus_speech.py` first")
    with np.load(path) as file:
        samples, segments, index = file["samples"], file["segments"], json.loads(str(file["index"]))
    utterances, a, b = [], 0, 0
    for id, voice, text, count, phones in index:
        utterances.append(Utterance(id, voice, text, samples[a : a + count], segments[b : b + phones]))
        a, b = a + count, b + phones
    return utterances


def build(options):
    """{part: utterances} of the whole corpus."""
    parts = {f"kathleen.{split}": found for split, found in kathleen().items()}
    parts["kathleen.train"] += kathleen_more({u.id for u in recorded("kathleen")})
    parts |= {f"grid.{split}": found for split, found in grid().items()}
    parts |= {f"dc-tts.{split}": found for split, found in dc_tts().items()}
    test = sorted({u.text for part in ("kathleen.test", "dc-tts.test") for u in parts[part]})
    unseen = {plain_text(text) for text in test} | {plain_text(u.text) for u in parts["kathleen.val"]}
    train = sorted({u.text for u in parts["kathleen.train"]} | set(own_sentences()))
    train = [text for text in train if plain_text(text) not in unseen]
    jobs = synthetic_jobs(train, test, options.flite, options.espeak, options.seed)
    with ProcessPoolExecutor(options.processes, max_tasks_per_child=1) as pool:
        running = {part: [pool.submit(call) for call in calls] for part, calls in jobs.items()}
        parts |= {part: [u for future in futures for u in future.result()] for part, futures in running.items()}
    return parts


def main():
    """Build every part and print how much there is of each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--flite", type=int, default=560, help="utterances per flite voice")
    parser.add_argument("--espeak", type=int, default=2000, help="utterances by espeak-ng in all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    if shared_data() is None:
        parser.error("no recordings: set DUOLOGUE_SHARED to the folder that holds data/")
    folder = cache_folder() / "speech"
    folder.mkdir(parents=True, exist_ok=True)
    for part, utterances in build(options).items():
        save_utterances(folder / f"{part}.npz", utterances)
        minutes = sum(len(u.samples) for u in utterances) / RATE_HZ / 60
        phones = sum(len(u.segments) for u in utterances)
        voices = len({u.voice for u in utterances})
        print(f"{part:18s} {len(utterances):5d} utterances {minutes:7.1f} min {phones:7d} phones {voices:4d} voices")


if __name__ == "__main__":
    main()
