"""Phones, visemes and the map between them: the labels of the speech encoder."""

import numpy as np

PHONES = (
    "SIL AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH"
).split()

VISEMES = "sil PP FF TH DD kk CH SS nn RR aa E ih oh ou".split()

PHONES_OF_VISEME = {
    "sil": "SIL",
    "PP": "P B M",
    "FF": "F V",
    "TH": "TH DH",
    "DD": "T D",
    "kk": "K G HH NG",
    "CH": "CH JH SH ZH",
    "SS": "S Z",
    "nn": "N L",
    "RR": "R ER",
    "aa": "AA AE AH AY AW",
    "E": "EH EY",
    "ih": "IH IY Y",
    "oh": "AO OW OY",
    "ou": "UH UW W",
}

PHONE_ID = {name: i for i, name in enumerate(PHONES)}
VISEME_ID = {name: i for i, name in enumerate(VISEMES)}

# VISEME_OF_PHONE[p] is the viseme of phone p.
VISEME_OF_PHONE = np.zeros(len(PHONES), dtype=np.int64)
for _viseme, _phones in PHONES_OF_VISEME.items():
    for _phone in _phones.split():
        VISEME_OF_PHONE[PHONE_ID[_phone]] = VISEME_ID[_viseme]

# PHONE_TO_VISEME [40, 15] sums phone probabilities into viseme probabilities.
PHONE_TO_VISEME = np.eye(len(VISEMES), dtype=np.float32)[VISEME_OF_PHONE]

SILENCE = PHONE_ID["SIL"]
BILABIALS = np.array([PHONE_ID[p] for p in ("P", "B", "M")])
VOICED = np.array([p not in "SIL CH F HH K P S SH T TH".split() for p in PHONES])


def viseme_probabilities(phones):
    """Sum phone probabilities [..., 40] (numpy or torch) into viseme probabilities [..., 15]."""
    table = PHONE_TO_VISEME
    if not isinstance(phones, np.ndarray):
        table = phones.new_tensor(table)
    return phones @ table


def frame_phones(segments, frames, rate_hz=30.0):
    """Label frames 0..frames-1 (frame k at k/30 s) from segments [(phone id, start s, duration s)]; gaps are SIL."""
    labels = np.full(frames, SILENCE, dtype=np.int64)
    for phone, start_s, duration_s in segments:
        first = int(np.ceil(start_s * rate_hz - 1e-6))
        last = int(np.ceil((start_s + duration_s) * rate_hz - 1e-6))
        labels[max(first, 0) : max(min(last, frames), 0)] = phone
    return labels
