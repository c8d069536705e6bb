"""Texts for the synthetic voices: our own sentences, and invented ones that put known words into new company."""

import re
from pathlib import Path

import numpy as np


def own_sentences():
    """The lines of sentences.txt."""
    return Path(__file__).with_name("sentences.txt").read_text().splitlines()


def invented(random: np.random.Generator, sentences: list[str], jump: float = 0.3):
    """Endless word strings of 4 to 12 words: each word follows its predecessor in some sentence, or jumps.

    Locally they sound like the sentences, so that coarticulation and common words are natural, but whole sentences
    cannot be learned by heart.
    """
    texts = [re.findall(r"[A-Za-z']+", text) for text in sentences]
    texts = [words for words in texts if words]
    places: dict[str, list[tuple[int, int]]] = {}
    for i, words in enumerate(texts):
        for j, word in enumerate(words[:-1]):
            places.setdefault(word.lower(), []).append((i, j))
    while True:
        count = int(random.integers(4, 13))
        chosen: list[str] = []
        while len(chosen) < count:
            last = chosen[-1].lower() if chosen else ""
            if last in places and random.random() > jump:
                i, j = places[last][random.integers(len(places[last]))]
                chosen.append(texts[i][j + 1])
            else:
                words = texts[random.integers(len(texts))]
                chosen.append(words[random.integers(len(words))])
        yield " ".join(chosen).capitalize() + "."
