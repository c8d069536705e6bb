"""`scenarios.db` and `actors.db` of the InterAct data set: what each sequence is about and who acts in it.

Tables and columns are those of the data set's card. The 26 emotions fall into the six groups of the paper's table 6,
the relationships into the five of its table 7; what the tables do not list is said below.
"""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from body import RELATIONSHIPS
from face import EMOTIONS
from interact_files import DatasetError

_EMOTIONS = {
    "surprise": "surprise, awe, confusion, excitement",
    "fear": "anxiety, fear, horror, disgust",
    "social": "admiration, adoration, romance, interest, awkwardness, boredom",
    "self": "satisfaction, relief, craving, nostalgia, entrancement, calmness, aesthetic appreciation",
    # Table 5 calls one scenario's emotion happiness.
    "positive": "joy, amusement, happiness",
    "negative": "pain, anger, sadness",
    "neutral": "neutral",
}
EMOTION_GROUPS = {name: EMOTIONS.index(group) for group, names in _EMOTIONS.items() for name in names.split(", ")}
"""Emotion -> group as the networks number it (0 neutral)."""

_RELATIONSHIPS = {
    "family": "sibling, brother, sister, parent, grandparent, cousin, in law, romantic, spouse, husband, couple, lover",
    # Table 5 has neighbours who "have become close friends".
    "friends": "friend, buddies, teammate, interest group, churchmate, neighbor, neighbour, roommate",
    "work": "coworker, colleague, business, boss, subordinate, mentor, mentee",
    "school": "classmate, student, bully, teacher, principal",
    # The card's "architect / contractor" is in no table; it is a service between strangers, as the two listed are.
    "professional": "doctor, patient, waiter, waitress, diner, architect, contractor, customer, client",
}


@dataclass(frozen=True)
class Scenario:
    """What a scenario is about: names as in the database and the networks' ids."""

    relationship: str
    relationship_id: int
    emotion: str
    emotion_id: int
    text: str


def _plain(name: str) -> str:
    return re.sub(r"[^a-z]+", " ", name.lower().replace("-", " ").replace("co w", "cow")).strip()


def emotion_group(name: str) -> int | None:
    """The group of an emotion, None where it is in no table."""
    return EMOTION_GROUPS.get(_plain(name))


def relationship_group(name: str) -> int | None:
    """The group of a relationship, None where no table knows it."""
    plain = _plain(name)
    for group in ("friends", "work", "school", "professional", "family"):
        for word in _RELATIONSHIPS[group].split(", "):
            if re.search(rf"\b{word}", plain):
                return RELATIONSHIPS.index(group)
    return None


def _rows(path: Path, query: str) -> list[tuple]:
    if not path.exists():
        raise DatasetError("a database is missing", path, "no file", "an SQLite file", "fetch it: it lies beside bvhs/")
    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise DatasetError(
            "a database cannot be read", path, error, f"an SQLite file that answers `{query}`", "fetch the file again"
        ) from error


def read_scenarios(path: Path, unknown_neutral: bool = False) -> dict[int, Scenario]:
    """Scenarios by id. Names in no table raise; with `unknown_neutral` they become neutral or no relationship."""
    rows = _rows(
        path,
        "SELECT s.id, r.name, e.name, s.character_setup, s.scenario FROM scenarios s "
        "LEFT JOIN relationships r ON r.id = s.relationship_id LEFT JOIN emotions e ON e.id = s.primary_emotion_id",
    )
    if not rows:
        raise DatasetError("no scenarios", path, "an empty table", "one row per scenario", "fetch the file again")
    out, unknown = {}, set()
    for number, relationship, emotion, setup, text in rows:
        relationship, emotion = relationship or "", emotion or ""
        ids = relationship_group(relationship), emotion_group(emotion)
        unknown |= {f"relationship {relationship!r}"} if ids[0] is None else set()
        unknown |= {f"emotion {emotion!r}"} if ids[1] is None else set()
        about = " ".join(part for part in (setup, text) if part)
        out[int(number)] = Scenario(relationship, ids[0] or 0, emotion, ids[1] or 0, about)
    if unknown and not unknown_neutral:
        raise DatasetError(
            "names that belong to no group",
            path,
            ", ".join(sorted(unknown)),
            "the emotions and relationships of the paper's tables 6 and 7",
            "add them to interact_databases.py, or go on with --unknown-neutral",
        )
    return out


def _actor(number: object) -> str:
    return str(number).zfill(3)


def read_sessions(path: Path) -> dict[str, list[tuple[str, str]]]:
    """Date -> the pairs (male id, female id) that were recorded on it."""
    out: dict[str, list[tuple[str, str]]] = {}
    for date, male, female in _rows(path, "SELECT date, male_id, female_id FROM sessions"):
        pair = _actor(male), _actor(female)
        if pair not in out.setdefault(str(date), []):
            out[str(date)].append(pair)
    if not out:
        raise DatasetError("no sessions", path, "an empty table", "one row per session", "fetch the file again")
    return out


def read_actors(path: Path) -> list[str]:
    """All actor ids in order."""
    return sorted({_actor(a) for (a,) in _rows(path, "SELECT actor_id FROM actors")})
