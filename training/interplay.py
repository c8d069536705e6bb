"""What two talkers do at each other, decided once for face and head: responses, nods, smiles, laughs, looking away.

Everything a listener does hangs on what the partner's voice does: low pitch, ends of phrases, loud syllables, onsets,
laughs. Times in seconds on the stream's clock, angles in degrees, frames at 30/s.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from upper_face import RATE_HZ, Voice, accents, phrases

FIGURES = {
    # what: (value, source)
    "responses per minute of listening": ((8.0, 14.0), "4-12 backchannels, Bavelas; Cerrato 2007; silent ones counted"),
    "responses per minute, held out": ((5.0, 9.0), "chosen here, for test streams"),
    "response after low pitch s": ((0.45, 0.80), "about 0.7, Ward & Tsukahara 2000; a nod comes before the voice"),
    "response after a phrase s": ((0.15, 0.50), "Ward & Tsukahara 2000, gaps of Stivers 2009"),
    "nod before its voice s": ((0.05, 0.20), "chosen here"),
    "no response within s": (0.8, "Ward & Tsukahara 2000"),
    "forms": ((0.42, 0.20, 0.09, 0.11, 0.10, 0.05, 0.03), "nod, nod and voice, voice, smile, brows, tilt, shake: many "
              "with a nod only, a third to a half with one; Bavelas, Cerrato 2007"),
    "nod cycles": ((0.45, 0.35, 0.20), "shares of 1, 2, 3; Hadar 1983"),
    "nod degrees": ((5.0, 15.0), "down first; Hadar 1983"),
    "shake degrees": ((5.0, 13.0), "5-15 each way; Hadar 1983"),
    "reaction to an onset s": ((0.13, 0.30), "auditory reaction time; gap between turns 0.2, Stivers 2009"),
    "reacts to an onset": (0.8, "share chosen here"),
    "smile mimicry s": ((0.4, 1.0), "Dimberg 1982"),
    "smile is mimicked": (0.6, "share chosen here; Dimberg 1982"),
    "laughs per ten minutes": (6.0, "5.8, Vettin & Todt 2004"),
    "laugh is joined": (0.45, "share chosen here; Vettin & Todt 2004"),
    "laugh is voiced": (0.55, "share chosen here; Bachorowski 2001"),
    "looks away at long turn starts": (0.7, "Kendon 1967"),
    "look away while listening every s": ((6.0, 16.0), "listeners look 75 % of the time; Argyle & Ingham 1972"),
}  # fmt: skip
"""The figures of this file; textbook priors."""

NOD, VOICE, SMILE, BROWS, TILT, SHAKE = 1, 2, 4, 8, 16, 32
FORMS = (NOD, NOD | VOICE, VOICE, SMILE, BROWS, TILT, SHAKE)
POSITIVE, NEGATIVE, SURPRISE = (3, 4, 5), (2, 6), 1
CHEER = np.array([0.6, 0.9, 0.15, 1.5, 1.0, 2.6, 0.05])
"""How readily each emotion group laughs and smiles."""


@dataclass
class Talk:
    """One person's speech per frame and as lists: phrases and turns (start, end s), accents (start, length, weight)."""

    phrases: list[tuple[float, float]]
    turns: list[tuple[float, float]]
    accents: list[tuple[float, float, float]]
    speaking: np.ndarray
    level: np.ndarray
    """Loudness of speech 0..1 [n], 0 outside of phrases."""
    cues: list[float] = field(default_factory=list)
    """Times (s) at which a stretch of low pitch asks for a response."""


@dataclass
class Acts:
    """What one person does at the partner. Starts and lengths in s, angles in degrees, sizes 0..1."""

    responses: list[list[float]] = field(default_factory=list)
    """(time, form bits, cue time)."""
    nods: list[tuple[float, float, float]] = field(default_factory=list)
    """(start, degrees, cycles)."""
    shakes: list[tuple[float, float, float]] = field(default_factory=list)
    """(start, degrees, cycles)."""
    smiles: list[tuple[float, float, float]] = field(default_factory=list)
    """(start, length, size)."""
    brows: list[tuple[float, float, float]] = field(default_factory=list)
    """(start, length, size); negative sizes frown."""
    tilts: list[tuple[float, float, float]] = field(default_factory=list)
    """(start, length, degrees)."""
    laughs: list[list[float]] = field(default_factory=list)
    """(start, length, strength, voiced 0 or 1)."""
    onsets: list[tuple[float, float, float]] = field(default_factory=list)
    """(the partner's onset, start of the reaction, size)."""
    away: list[tuple[float, float, float, float]] = field(default_factory=list)
    """(start, length, turn, pitch) of the head's looking away."""


def talks(voices: list[Voice], turns: list[list[tuple[float, float]]], cues: list[list[float]]) -> list[Talk]:
    """Phrases, accents and loudness of both persons; turns and cues as laid."""
    out = []
    for voice, own, low in zip(voices, turns, cues, strict=True):
        runs = phrases(voice.segments)
        speaking = np.zeros(len(voice.level_db), bool)
        for a, b in runs:
            speaking[int(a * RATE_HZ) : int(np.ceil(b * RATE_HZ))] = True
        level = np.clip((voice.level_db - voice.usual_db + 16) / 22, 0, 1) * speaking
        out.append(Talk(runs, own, accents(voice), speaking, level, sorted(low)))
    return out


def busy(talk: Talk, start: float, end: float) -> bool:
    """Whether someone speaks between two times."""
    return bool(talk.speaking[max(int(start * RATE_HZ), 0) : max(int(end * RATE_HZ), 0) + 1].any())


def at(values: np.ndarray, time: float) -> float:
    """The value of a frame's array at a time."""
    return values[min(max(int(time * RATE_HZ), 0), len(values) - 1)]


def places(own: Talk, partner: Talk) -> list[tuple[float, float, float, bool]]:
    """(cue s, weight, loudness heard before it 0..1, whether a phrase ends there) of where a listener may respond."""
    found = [(cue, 0.6, False) for cue in partner.cues]
    found += [(end, 1.0, True) for start, end in partner.phrases if end - start > 0.7]
    found += [(start + length, 0.3, False) for start, length, weight in partner.accents if weight > 1.3]
    out: list[tuple[float, float, float, bool]] = []
    for cue, weight, ends in sorted(found):
        begun = max((a for a, _ in partner.phrases if a <= cue), default=cue)
        heard = partner.level[max(int((cue - 1.5) * RATE_HZ), 0) : int(cue * RATE_HZ) + 1].max(initial=0)
        if not busy(own, cue - 0.1, cue + 0.8) and (cue + 1.2) * RATE_HZ < len(own.speaking):
            out.append((cue, weight * (0.4 + heard) * (0.8 + 0.08 * min(cue - begun, 5)), float(heard), ends))
    return out


def a_shake(random: np.random.Generator, start: float, share: float = 1.0) -> tuple[float, float, float]:
    """(start, degrees, cycles) of a shake of the head."""
    return start, share * random.uniform(*FIGURES["shake degrees"][0]), float(random.choice([1.5, 2, 2.5]))


def plan_responses(
    random: np.random.Generator,
    acts: Acts,
    own: Talk,
    partner: Talk,
    emotion: np.ndarray,
    facing: np.ndarray,
    rate: float,
) -> None:
    """Nods, "mm-hm", smiles, brows, tilts and shakes at the partner's cues; `rate` per minute of listening."""
    found = places(own, partner)
    listening = (partner.speaking & ~own.speaking).mean() * len(own.speaking) / RATE_HZ / 60
    share = min(rate * listening / max(sum(weight for _, weight, *_ in found), 1e-6), 1.0)
    forms = np.array(FIGURES["forms"][0])
    low, high = FIGURES["nod degrees"][0]
    last = -9.0
    for cue, weight, heard, ends in found:
        met = 1.0 if at(facing, cue) else 0.6
        if cue - last < FIGURES["no response within s"][0] or random.random() > 1.35 * share * weight * met:
            continue
        last, mood = cue, int(at(emotion, cue))
        odds = forms * (1, 1, 1, CHEER[mood], 2.5 if mood == SURPRISE else 0.6 + heard, 1, 5 if mood == 6 else 1)
        form = FORMS[random.choice(len(FORMS), p=odds / odds.sum())]
        after = FIGURES["response after a phrase s" if ends else "response after low pitch s"][0]
        start = cue + random.uniform(*after)
        acts.responses.append([start, form, cue])
        if form & NOD:
            cycles = int(random.choice([1, 2, 3], p=FIGURES["nod cycles"][0])) if weight > 0.5 else 1
            size = low + (high - low) * random.beta(1.5, 2.6) * (0.6 + 0.6 * heard)
            lead = random.uniform(*FIGURES["nod before its voice s"][0]) if form & VOICE else 0
            acts.nods.append((start - lead, size, cycles))
        if form & SMILE:
            acts.smiles.append((start, random.uniform(0.8, 2.2), random.uniform(0.22, 0.42)))
        if form & BROWS:
            size = random.uniform(0.26, 0.42) * (0.7 + 0.5 * heard)
            frowns = mood in NEGATIVE or random.random() < 0.15
            acts.brows.append((start, random.uniform(0.4, 1.2), -size if frowns else size))
        if form & TILT:
            acts.tilts.append((start, random.uniform(1.5, 4), random.choice([-1, 1]) * random.uniform(5, 10)))
        if form & SHAKE:
            acts.shakes.append(a_shake(random, start, 0.8))


def plan_own(random: np.random.Generator, acts: Acts, own: Talk, emotion: np.ndarray) -> None:
    """Nods, shakes and smiles that go with one's own words."""
    for start, end in own.phrases:
        length, mood = end - start, int(at(emotion, start))
        if length > 0.8 and random.random() < (0.08 if mood == 6 else 0.025):
            acts.shakes.append(a_shake(random, start + 0.1))
        elif length < 1.2 and random.random() < 0.12:
            acts.nods.append((start, random.uniform(4, 9), int(random.integers(1, 3))))
        if length > 0.7 and random.random() < 0.13 * CHEER[mood]:
            acts.smiles.append((end - random.uniform(0.1, 0.4), random.uniform(0.8, 2.0), random.uniform(0.22, 0.45)))


def plan_away(random: np.random.Generator, acts: Acts, own: Talk, partner: Talk) -> None:
    """Looks away when a long turn begins, back before it ends; now and then inside, seldom while listening."""

    def one(start: float, length: float, low: float, high: float) -> None:
        yaw, pitch = random.choice([-1, 1]) * random.uniform(low, high), random.choice([-1, 1]) * random.uniform(1, 7)
        acts.away.append((start, length, yaw, pitch))

    for start, end in own.turns:
        length = end - start
        if length > 1.6 and random.random() < FIGURES["looks away at long turn starts"][0]:
            one(start - random.uniform(0.0, 0.25), random.uniform(0.7, min(2.4, 0.6 * length)), 9, 22)
        now = start + random.uniform(3.0, 6.0)
        while now < end - 1.5:
            if random.random() < 0.5:
                one(now, random.uniform(0.4, 1.4), 7, 16)
            now += random.uniform(3.0, 6.0)
    gap = FIGURES["look away while listening every s"][0]
    now = random.uniform(0, gap[1])
    while now < len(own.speaking) / RATE_HZ - 1:
        length = random.uniform(0.7, 1.8)
        near = [s for s, _ in partner.turns if now - 0.2 < s < now + length + 0.5]
        if not near and not busy(own, now - 0.5, now + length):
            one(now, length, 6, 15)
        now += random.uniform(*gap)


def plan_onsets(random: np.random.Generator, acts: Acts, own: Talk, partner: Talk, facing: np.ndarray) -> None:
    """Reactions to the partner's first sound, and smaller ones where speech sets in after a pause."""
    last = -9.0
    for start, end in partner.phrases:
        turn = any(abs(start - s) < 0.15 for s, _ in partner.turns)
        pause, last = start - last, end
        if busy(own, start - 0.05, start + 0.5) or end - start < 0.3 or (pause < 0.7 and not turn):
            continue
        chance = FIGURES["reacts to an onset"][0] * (1 if turn or pause > 1.5 else 0.5)
        if random.random() > chance * (1 if at(facing, start) else 0.6):
            continue
        heard = partner.level[int(start * RATE_HZ) : int(start * RATE_HZ) + 9].max(initial=0)
        size = (0.5 + 0.7 * heard) * (1 if turn or pause > 1.5 else 0.6) * random.uniform(0.7, 1.2)
        acts.onsets.append((start, start + random.uniform(*FIGURES["reaction to an onset s"][0]), float(size)))


def plan_laughs(
    random: np.random.Generator,
    acts: list[Acts],
    both: list[Talk],
    emotion: np.ndarray,
    facing: np.ndarray,
    close: float,
) -> None:
    """Laughs at the ends of phrases, joined by the other; `close` is how much the relationship makes them laugh."""
    minutes = len(emotion[0]) / RATE_HZ / 60
    wanted = FIGURES["laughs per ten minutes"][0] / 10 * minutes * close
    ends = [(b, i) for i, talk in enumerate(both) for a, b in talk.phrases if b - a > 0.8 and b + 2.5 < minutes * 60]
    if not ends:
        return
    cheer = np.array([CHEER[int(emotion[i][min(int(b * RATE_HZ), emotion.shape[1] - 1)])] for b, i in ends])
    # A laugh has its place where nobody goes on at once.
    room = np.array([sum(0.15 if busy(talk, b + 0.3, b + 2.0) else 1.0 for talk in both) for b, i in ends])
    odds = cheer * room
    count = min(int(random.poisson(wanted * min(cheer.mean(), 2.2) ** 0.7)), 5)
    for k in random.choice(len(ends), size=min(count, len(ends)), replace=False, p=odds / odds.sum()):
        end, speaker = ends[k]
        first = speaker if random.random() < 0.6 else 1 - speaker
        start = end + random.uniform(0.0, 0.5)
        strength = random.beta(2, 2.2)
        for person in (first, 1 - first):
            if person != first:
                join = FIGURES["laugh is joined"][0] * (1.2 if facing[person][int(end * RATE_HZ)] else 0.7)
                if random.random() > join:
                    lag = random.uniform(*FIGURES["smile mimicry s"][0])
                    acts[person].smiles.append((start + lag, random.uniform(1.2, 2.6), 0.3 + 0.2 * strength))
                    continue
                start, strength = start + random.uniform(0.3, 0.8), strength * random.uniform(0.6, 1.0)
            if any(abs(start - s) < 4 for s, *_ in acts[person].laughs):
                continue
            voiced = float(random.random() < FIGURES["laugh is voiced"][0] * (0.6 + 0.8 * strength))
            acts[person].laughs.append([start, 0.7 + 1.3 * strength, strength, voiced])


def plan_mimicry(random: np.random.Generator, acts: list[Acts], emotion: np.ndarray, facing: np.ndarray) -> None:
    """Smiles answer smiles."""
    own = [list(a.smiles) for a in acts]
    for person in (0, 1):
        for start, length, size in own[1 - person]:
            k = min(int(start * RATE_HZ), emotion.shape[1] - 1)
            chance = FIGURES["smile is mimicked"][0] * min(CHEER[int(emotion[person][k])] + 0.4, 1.3)
            if facing[person][k] and random.random() < chance:
                lag = random.uniform(*FIGURES["smile mimicry s"][0])
                acts[person].smiles.append((start + lag, 0.85 * length, size * random.uniform(0.55, 0.95)))


def plan(
    random: np.random.Generator,
    both: list[Talk],
    emotion: np.ndarray,
    facing: np.ndarray,
    close: float = 1.0,
    held_out: bool = False,
) -> list[Acts]:
    """What both persons do; emotion and facing are ids [2, n]."""
    acts = [Acts(), Acts()]
    rates = FIGURES["responses per minute, held out" if held_out else "responses per minute of listening"][0]
    for i in (0, 1):
        own, partner = both[i], both[1 - i]
        plan_away(random, acts[i], own, partner)
        plan_onsets(random, acts[i], own, partner, facing[i])
        plan_responses(random, acts[i], own, partner, emotion[i], facing[i], random.uniform(*rates))
        plan_own(random, acts[i], own, emotion[i])
    plan_laughs(random, acts, both, emotion, facing, close)
    plan_mimicry(random, acts, emotion, facing)
    return acts
