"""The speech corpus: two recorded talkers with aligned phones, and synthetic voices with the phones they spoke.

    python corpus_speech.py            # builds the cache (about 5 minutes) and prints a table

Recordings come from ../shared/data (or $DUOLOGUE_SHARED); the cache lies outside the repository, in
$DUOLOGUE_CACHE (default ~/.cache/duologue). Synthetic voices are those of flite and espeak-ng, if installed.
"""

import argparse
import ctypes
import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
from scipy.signal import resample_poly

from phones import PHONE_ID, SILENCE

RATE_HZ = 16000
REPOSITORY = Path(__file__).resolve().parent.parent
FLITE_VOICES = ("slt", "rms", "awb", "kal")
ESPEAK_VOICES = tuple(
    "en-us en-us+f2 en-us+f3 en-us+f4 en-us+m1 en-us+m3 en-us+m5 en-us+m7 en-us+Andrea en-us+Annie en-us+Michael "
    "en-us+Denis".split()
)
DC_TTS_HELD_OUT = 8

# espeak-ng's English mnemonics; rhotic vowels and syllabic l are split in time between their two phones.
ESPEAK_PHONES = {
    mnemonic: phones
    for line in """
    a AE|aa AE|a# AH|A: AA|0 AA|V AH|@ AH|@2 AH|@5 AH|@- AH|@L AH L|E EH|I IH|I2 IH|I# IH|i IY|i: IY|U UH|u: UW
    O: AO|O2 AO|3 ER|3: ER|eI EY|aI AY|OI OY|oU OW|aU AW|A@ AA R|O@ AO R|o@ AO R|e@ EH R|i@ IH R|i@3 IH R
    U@ UH R|aI@ AY ER|aI3 AY ER|aU@ AW ER|p P|b B|t T|t# T|t2 T|? T|d D|d# D|k K|g G|tS CH|dZ JH|f F|v V
    T TH|D DH|s S|z Z|S SH|Z ZH|h HH|m M|m- M|n N|n- N|N NG|l L|l- L|r R|r- R|w W|j Y
    """.strip().splitlines()
    for mnemonic, phones in (entry.strip().split(" ", 1) for entry in line.split("|"))
}


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
    """Aligned Kathleen utterances by split; val and test keep only sentences that do not occur in train."""
    split = json.loads((shared_data() / "speech-kathleen" / "split.json").read_text())
    rows = (shared_data() / "speech-kathleen" / "transcripts.tsv").read_text().splitlines()[1:]
    known = {plain_text(text) for id, text in (row.split("\t", 1) for row in rows) if split[id] == "train"}
    parts = {"train": [], "val": [], "test": []}
    for utterance in recorded("kathleen"):
        part = split[utterance.id]
        if part == "train" or plain_text(utterance.text) not in known:
            parts[part].append(utterance)
    return parts


def dc_tts():
    """Aligned dc-tts utterances: train, and eight held out, spread evenly over the recording order."""
    everything = list(recorded("dc-tts"))
    held_out = set(np.linspace(0, len(everything) - 1, DC_TTS_HELD_OUT).astype(int).tolist())
    return {
        "train": [u for i, u in enumerate(everything) if i not in held_out],
        "test": [u for i, u in enumerate(everything) if i in held_out],
    }


def to_16_khz(samples, rate):
    """int16 [N] at any rate as int16 at 16 kHz."""
    if rate == RATE_HZ:
        return samples
    divisor = int(np.gcd(rate, RATE_HZ))
    resampled = resample_poly(samples.astype(np.float64), RATE_HZ // divisor, rate // divisor)
    return np.clip(np.round(resampled), -32768, 32767).astype(np.int16)


def flite(text, voice, stretch):
    """Speak a text with flite; its phones come from -psdur, as `name:end` in seconds."""
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "speech.wav"
        command = ["flite", "-voice", voice, "-psdur", "--setf", f"duration_stretch={stretch:.3f}", "-t", text, "-o"]
        spoken = subprocess.run([*command, str(wav)], capture_output=True, text=True, check=True).stdout
        samples, rate = soundfile.read(wav, dtype="int16")
    segments, start = [], 0.0
    for item in spoken.split():
        name, end = item.rsplit(":", 1)
        phone = {"pau": "SIL", "ssil": "SIL", "ax": "AH", "axr": "ER", "dx": "T", "ix": "IH"}.get(name, name.upper())
        segments.append((PHONE_ID[phone], start, float(end) - start))
        start = float(end)
    return to_16_khz(samples, rate), np.array(segments, np.float32)


class EspeakId(ctypes.Union):
    """The last field of espeak-ng's event: for a phoneme its mnemonic, at most eight bytes."""

    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class EspeakEvent(ctypes.Structure):
    """espeak_EVENT of espeak-ng's speak_lib.h."""

    _fields_ = [(name, ctypes.c_int) for name in ("type", "unique", "text", "length", "audio_ms", "sample")]
    _fields_ += [("user", ctypes.c_void_p), ("id", EspeakId)]


EspeakCallback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(EspeakEvent)
)


class Espeak:
    """espeak-ng as a library: its program does not report phoneme times, its callback does."""

    PHONEME, RATE, PITCH, RANGE = 7, 1, 3, 4

    def __init__(self):
        self.library = ctypes.CDLL("libespeak-ng.so.1")
        self.rate = self.library.espeak_Initialize(2, 0, None, 1)
        self.sound, self.events = [], []
        self.callback = EspeakCallback(self.receive)
        self.library.espeak_SetSynthCallback(self.callback)

    def receive(self, samples, count, events):
        """Keep one piece of sound and the phonemes that start in it."""
        if samples:
            self.sound.append(np.ctypeslib.as_array(samples, (count,)).copy())
        i = 0
        while events[i].type:
            if events[i].type == self.PHONEME:
                self.events.append((events[i].id.string.decode(), events[i].sample))
            i += 1
        return 0

    def speak(self, text, voice, words_a_minute, pitch, pitch_range):
        """Speak a text; returns (samples int16 at 16 kHz, segments)."""
        self.sound, self.events = [], []
        if self.library.espeak_SetVoiceByName(voice.encode()):
            raise RuntimeError(f"espeak-ng has no voice {voice}")
        for parameter, value in ((self.RATE, words_a_minute), (self.PITCH, pitch), (self.RANGE, pitch_range)):
            self.library.espeak_SetParameter(parameter, value, 0)
        raw = text.encode()
        self.library.espeak_Synth(raw, len(raw) + 1, 0, 1, 0, 1, None, None)
        self.library.espeak_Synchronize()
        samples = np.concatenate(self.sound) if self.sound else np.zeros(0, np.int16)
        return to_16_khz(samples, self.rate), espeak_segments(self.events, len(samples), self.rate)


def espeak_segments(events, end, rate):
    """Segments from (mnemonic, sample) events; raises KeyError for a phoneme outside English.

    espeak-ng reports a sonorant that it joins to the vowel before it at the vowel's end, with no length: such a
    phone is given the last 40 % of its neighbour.
    """
    spans = []
    for (mnemonic, start), (_, stop) in zip(events, events[1:] + [("", end)]):
        if mnemonic == ";":
            if spans:
                spans[-1][2] = stop
            continue
        phones = ["SIL"] if mnemonic.startswith("_") else ESPEAK_PHONES[mnemonic].split()
        if start == stop and phones != ["SIL"] and spans and spans[-1][0] != SILENCE:
            cut = round(spans[-1][1] + 0.6 * (spans[-1][2] - spans[-1][1]))
            start, stop, spans[-1][2] = cut, spans[-1][2], cut
        edges = [start, stop] if len(phones) == 1 else [start, start + round(0.65 * (stop - start)), stop]
        for phone, first, last in zip(phones, edges, edges[1:]):
            if last > first:
                spans.append([PHONE_ID[phone], first, last])
    return np.array([(p, a / rate, (b - a) / rate) for p, a, b in spans], np.float32).reshape(-1, 3)


def synthetic(sentences, voices, utterances, seed):
    """`utterances` texts per flite voice, and as many in all by espeak-ng's variants, drawn by `seed`."""
    random = np.random.default_rng(seed)
    parts = {"flite": [], "espeak": []}

    def sentence():
        text = sentences[random.integers(len(sentences))]
        return text + " " + sentences[random.integers(len(sentences))] if random.random() < 0.15 else text

    if shutil.which("flite"):
        for voice in FLITE_VOICES:
            for i in range(utterances):
                text = sentence()
                samples, segments = flite(text, voice, random.uniform(0.85, 1.3))
                parts["flite"].append(Utterance(f"flite_{voice}_{i:04d}", voice, text, samples, segments))
    if shutil.which("espeak-ng"):
        espeak = Espeak()
        for i in range(utterances):
            text, voice = sentence(), voices[random.integers(len(voices))]
            settings = (int(random.integers(130, 210)), int(random.integers(30, 75)), int(random.integers(30, 90)))
            try:
                samples, segments = espeak.speak(text, voice, *settings)
            except KeyError:
                continue
            parts["espeak"].append(Utterance(f"espeak_{i:04d}", voice, text, samples, segments))
    return parts


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


def main():
    """Build every part and print how much there is of each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--utterances", type=int, default=400, help="per flite voice, and by espeak-ng in all")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if shared_data() is None:
        parser.error("no recordings: set DUOLOGUE_SHARED to the folder that holds data/")
    folder = cache_folder() / "speech"
    folder.mkdir(parents=True, exist_ok=True)
    parts = {f"kathleen.{split}": found for split, found in kathleen().items()}
    parts |= {f"dc-tts.{split}": found for split, found in dc_tts().items()}
    own = Path(__file__).with_name("sentences.txt").read_text().splitlines()
    trained = [u for part in ("kathleen.train", "dc-tts.train") for u in parts[part]]
    sentences = sorted({u.text for u in trained} | set(own))
    unseen = {plain_text(u.text) for part in parts if not part.endswith("train") for u in parts[part]}
    sentences = [text for text in sentences if plain_text(text) not in unseen]
    spoken = synthetic(sentences, ESPEAK_VOICES, options.utterances, options.seed)
    parts |= {f"{engine}.train": found for engine, found in spoken.items() if found}
    for part, utterances in parts.items():
        save_utterances(folder / f"{part}.npz", utterances)
        minutes = sum(len(u.samples) for u in utterances) / RATE_HZ / 60
        phones = sum(len(u.segments) for u in utterances)
        print(f"{part:16s} {len(utterances):5d} utterances {minutes:7.1f} min {phones:7d} phones")


if __name__ == "__main__":
    main()
