"""Synthetic voices with the phones they spoke: flite as a program, espeak-ng as a library.

Segments are f32 [n, 3] = (phone id, start s, duration s), samples int16 [N] at 16 kHz.
"""

import ctypes
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import resample_poly

from phones import PHONE_ID, SILENCE

RATE_HZ = 16000
ESPEAK_RHOTIC = ("en-us", "en-us-nyc", "en-gb-scotland")

# espeak-ng's English mnemonics; rhotic vowels and syllabic l are split in time between their two phones.
ESPEAK_PHONES = {
    mnemonic: phones
    for line in """
    a AE|aa AE|a# AH|A: AA|0 AA|V AH|@ AH|@2 AH|@5 AH|@- AH|@L AH L|E EH|I IH|I2 IH|I# IH|i IY|i: IY|U UH|u: UW|O: AO
    O2 AO|3 ER|3: ER|eI EY|aI AY|OI OY|oU OW|aU AW|A@ AA R|O@ AO R|o@ AO R|e@ EH R|i@ IH R|i@3 IH R|U@ UH R|aI@ AY ER
    aI3 AY ER|aU@ AW ER|aI2 AY|VR ER|p P|b B|t T|t# T|t2 T|t[ T|? T|d D|d# D|k K|g G|tS CH|dZ JH|f F|v V|T TH|D DH
    s S|z Z|S SH|Z ZH|h HH|m M|m- M|n N|n- N|N NG|l L|l- L|r R|r- R|w W|w# W|j Y
    """.strip().splitlines()
    for mnemonic, phones in (entry.strip().split(" ", 1) for entry in line.split("|"))
}


def to_16_khz(samples, rate):
    """int16 [N] at any rate as int16 at 16 kHz."""
    if rate == RATE_HZ:
        return samples
    divisor = int(np.gcd(rate, RATE_HZ))
    resampled = resample_poly(samples.astype(np.float64), RATE_HZ // divisor, rate // divisor)
    return np.clip(np.round(resampled), -32768, 32767).astype(np.int16)


def flite(text, voice, stretch, pitch_hz=105.0, pitch_spread_hz=15.0, as_phones=False):
    """Speak a text (or flite's phone names) with flite; its phones come from -psdur, as `name:end` in seconds.

    Only the diphone voices heed the pitch: mean and spread of the statistical ones are part of their model.
    """
    settings = {
        "duration_stretch": f"{stretch:.3f}",
        "int_f0_target_mean": f"{pitch_hz:.1f}",
        "int_f0_target_stddev": f"{pitch_spread_hz:.1f}",
    }
    options = [word for name, value in settings.items() for word in ("--setf", f"{name}={value}")]
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "speech.wav"
        command = ["flite", "-voice", voice, "-psdur", *options, "-p" if as_phones else "-t", text, "-o", str(wav)]
        spoken = subprocess.run(command, capture_output=True, text=True, check=True).stdout
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
        rhotic = voice.split("+")[0] in ESPEAK_RHOTIC
        return to_16_khz(samples, self.rate), espeak_segments(self.events, len(samples), self.rate, rhotic)


def espeak_segments(events, end, rate, rhotic=True):
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
        if not rhotic and len(phones) == 2 and phones[1] == "R":
            phones = phones[:1]
        if start == stop and phones != ["SIL"] and spans and spans[-1][0] != SILENCE:
            cut = round(spans[-1][1] + 0.6 * (spans[-1][2] - spans[-1][1]))
            start, stop, spans[-1][2] = cut, spans[-1][2], cut
        edges = [start, stop] if len(phones) == 1 else [start, start + round(0.65 * (stop - start)), stop]
        for phone, first, last in zip(phones, edges, edges[1:]):
            if last > first:
                spans.append([PHONE_ID[phone], first, last])
    return np.array([(p, a / rate, (b - a) / rate) for p, a, b in spans], np.float32).reshape(-1, 3)
