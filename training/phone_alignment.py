"""Phone times of known words by PocketSphinx's US English model: the tool that aligned the recordings of Kathleen.

One tool for every part means one convention for where a phone starts (its frames are read some 10 ms early) and for
which pronunciation a word has. `pip install pocketsphinx` brings the tool, its model and its dictionary.
"""

import re

import numpy as np

from phones import PHONE_ID, SILENCE

FRAME_S = 0.01

# Words of the GRID grammar as English people say them; the tool's dictionary is American ("z", "r", "four").
GRID_PRONUNCIATIONS = {
    word: pronunciations.split("/")
    for word, pronunciations in (
        entry.strip().split(" ", 1)
        for entry in """
        a EY|b B IY|c S IY|d D IY|e IY|f EH F|g JH IY|h EY CH|i AY|j JH EY|k K EY|l EH L|m EH M|n EH N|o OW|p P IY
        q K Y UW|r AA/AA R|s EH S|t T IY|u Y UW|v V IY|x EH K S|y W AY|z Z EH D|four F AO/F AO R
        again AH G EH N/AH G EY N|at AE T/AH T|now N AW|zero Z IH R OW/Z IY R OW|white W AY T
        """.replace("\n", "|").split("|")
        if entry.strip()
    )
}


def words_of(text):
    """The words of a transcript as the dictionary spells them."""
    return re.sub(r"[^a-z' ]", " ", text.lower()).split()


class Aligner:
    """Forced alignment of 16 kHz speech to its words."""

    def __init__(self):
        from pocketsphinx import Decoder

        self.decoder = Decoder(lm=None, loglevel="FATAL", bestpath=False, beam=1e-80, wbeam=1e-60, pbeam=1e-80)
        self.own = {}

    def pronounce(self, word, pronunciations):
        """Give a word pronunciations (phones apart by spaces) that hide those of the dictionary."""
        name = f"own-{word}"
        self.own[word] = name
        for i, phones in enumerate(pronunciations):
            self.decoder.add_word(name if i == 0 else f"{name}({i + 1})", phones, True)

    def align(self, text, samples):
        """[(word, phone, start s, duration s), ...] of int16 samples, or None where it cannot be done."""
        words = words_of(text)
        missing = [w for w in words if w not in self.own and self.decoder.lookup_word(w) is None]
        for word in missing:
            pronunciation = self.possessive(word)
            if pronunciation is None:
                return None
            self.pronounce(word, [pronunciation])
        try:
            self.decoder.set_align_text(" ".join(self.own.get(word, word) for word in words))
            self.decode(samples)
            if self.decoder.seg() is None:
                return None
            self.decoder.set_alignment()
            self.decode(samples)
            found = self.decoder.get_alignment()
        except RuntimeError:
            return None
        if found is None:
            return None
        return [
            (re.sub(r"^own-|\(\d+\)$", "", word.name), phone.name, phone.start * FRAME_S, phone.duration * FRAME_S)
            for word in found
            for phone in word
        ]

    def decode(self, samples):
        """One pass of the decoder over the samples."""
        self.decoder.start_utt()
        self.decoder.process_raw(np.ascontiguousarray(samples).tobytes(), no_search=False, full_utt=True)
        self.decoder.end_utt()

    def possessive(self, word):
        """The phones of "somebody's" where the dictionary knows somebody, else None."""
        stem = self.decoder.lookup_word(word[:-2]) if word.endswith("'s") else None
        if stem is None:
            return None
        last = stem.split()[-1]
        if last in ("S", "Z", "SH", "ZH", "CH", "JH"):
            return f"{stem} IH Z"
        return stem + (" S" if last in ("P", "T", "K", "F", "TH") else " Z")

    def segments(self, text, samples):
        """Segments f32 [n, 3] = (phone id, start s, duration s), or None."""
        found = self.align(text, samples)
        if not found:
            return None
        return np.array([(PHONE_ID.get(p, 0), start, duration) for _, p, start, duration in found], np.float32)


def grid_segments(aligner, words, samples, rate_hz=16000):
    """Segments of a GRID clip from its words [(word, start s, end s), ...]; the silence around them is cut off first.

    The given word times and the aligner's agree within 20 ms except at the first, closed phone of the clip.
    """
    spoken = [(word, start, end) for word, start, end in words if word not in ("sil", "sp")]
    first = max(round((spoken[0][1] - 0.08) * rate_hz), 0)
    last = round((spoken[-1][2] + 0.1) * rate_hz)
    found = aligner.segments(" ".join(word for word, _, _ in spoken), samples[first:last])
    if found is None:
        return None
    found[:, 1] += first / rate_hz
    return found[found[:, 0] != SILENCE]


def grid_aligner():
    """An aligner that knows how the words of the GRID grammar are said."""
    aligner = Aligner()
    for word, pronunciations in GRID_PRONUNCIATIONS.items():
        aligner.pronounce(word, pronunciations)
    return aligner
