"""What others make of the same sounds: loudness alone, and two lip-sync libraries of the browser, really run.

`loudness`: jawOpen from the level of the sound, fitted on the GRID training clips. `headaudio` (@met4citizen/headaudio)
and `wawa-lipsync`: `tools/lip-baselines.mjs` runs the published packages in a headless browser and gives the 15 Oculus
visemes at 30 frames/s as their own animation shows them; they become ARKit weights by ARKIT_OF_VISEME. Both decide
late; as HeadAudio's README advises, their sound may be delayed: they are shifted by whole frames, chosen for the best
accuracy on the very utterances that are measured, which flatters them a little.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from corpus_speech import REPOSITORY, cache_folder
from evaluation.setting import Setting
from face import ARKIT_51
from lips import levels_db
from phones import PHONE_ID, PHONES, VISEME_ID, VISEMES

LIBRARIES = {"headaudio": "headaudio", "wawa-lipsync": "wawa"}
"""Names in our tables and in the output of the tool."""

NOTES = {
    "loudness": "jawOpen from loudness; has no visemes",
    "headaudio": "@met4citizen/headaudio 0.1.0, its English model at 24 kHz, default settings, silence not calibrated",
    "wawa-lipsync": "wawa-lipsync 0.0.2, looked at 60 times a second, eased as in its demo",
}
LONGEST_DELAY = 6  # frames, 200 ms

# The recipe by which TalkingHead (the project HeadAudio belongs to, MIT, (c) Mika Suominen) mixes Oculus visemes from
# ARKit shapes. press, dimple, upperUp and lowerDown have a left and a right; the tongue is not among our channels.
_RECIPE = """
aa: jawOpen .6
E: press .8 dimple 1 jawOpen .3
ih: press .6 dimple .6 jawOpen .2
oh: mouthPucker 1 jawForward .6 jawOpen .2
ou: mouthFunnel 1
PP: mouthRollLower .8 mouthRollUpper .8 upperUp .3
FF: mouthPucker 1 mouthShrugUpper 1 lowerDown .2 dimple 1 mouthRollLower 1
DD: press .8 mouthFunnel .5 jawOpen .2
SS: press .8 lowerDown .5 jawOpen .1
TH: mouthRollUpper .6 jawOpen .2
CH: mouthPucker .5 jawOpen .2
RR: mouthPucker .5 jawOpen .2
kk: lowerDown .4 dimple .3 mouthFunnel .3 mouthPucker .3 jawOpen .15
nn: lowerDown .4 dimple .3 mouthFunnel .3 mouthPucker .3 jawOpen .15
sil:
"""
_PAIRED = {"press": "mouthPress", "dimple": "mouthDimple", "upperUp": "mouthUpperUp", "lowerDown": "mouthLowerDown"}


def _arkit_of_viseme() -> np.ndarray:
    table = np.zeros((len(VISEMES), len(ARKIT_51)))
    for line in _RECIPE.strip().splitlines():
        viseme, mix = line.split(":")
        words = mix.split()
        for name, weight in zip(words[::2], words[1::2], strict=True):
            sides = [_PAIRED[name] + side for side in ("Left", "Right")] if name in _PAIRED else [name]
            for channel in sides:
                table[VISEMES.index(viseme), ARKIT_51.index(channel)] = float(weight)
    return table


ARKIT_OF_VISEME = _arkit_of_viseme()
"""ARKit weights [15, 51] of every Oculus viseme at full strength."""

_HEADAUDIO_PHONES = """
aa AA AE AY AW|E EH EY AH ER|ih IY IH|oh AO OW OY|ou UW UH|PP P B M|SS S Z SH ZH HH|TH TH DH|DD T D|FF F V|kk K G
nn N NG|RR R L Y W|CH CH JH|sil SIL
"""


def _viseme_of_phone(table: str) -> np.ndarray:
    found = np.zeros(len(PHONES), np.int64)
    for entry in table.replace("\n", "|").strip("|").split("|"):
        viseme, *phones = entry.split()
        found[[PHONE_ID[phone] for phone in phones]] = VISEME_ID[viseme]
    return found


PHONE_TABLES = {"headaudio": _viseme_of_phone(_HEADAUDIO_PHONES)}
"""Viseme of every phone [40] where a library documents another grouping than ours (HeadAudio's README, appendix A)."""

OUR_NAMES = {"I": "ih", "O": "oh", "U": "ou"}


@dataclass(frozen=True)
class Talk:
    """A face at 30 frames/s, frame k at k/30 s: ARKit weights [n, 51]; viseme [n] of VISEMES, or None."""

    face: np.ndarray
    viseme: np.ndarray | None = None

    def cut(self, frames: int, delay: int = 0) -> Talk:
        """Frames delay … delay + frames - 1, the last one held: what is shown beside sound delayed so many frames."""
        index = np.minimum(np.arange(delay, delay + frames), len(self.face) - 1)
        return Talk(self.face[index], None if self.viseme is None else self.viseme[index])


@dataclass(frozen=True)
class Loudness:
    """jawOpen = clip(slope · level + offset, 0, 1), the level in dB over `FLOOR_DB`, smoothed over `width` frames."""

    slope: float
    offset: float
    width: int

    FLOOR_DB = -65.0

    @classmethod
    def level(cls, samples: np.ndarray, frames: int, width: int) -> np.ndarray:
        """Smoothed level [frames] of int16 samples [N] at 16 kHz."""
        level = np.maximum(levels_db(samples / 32768, frames), cls.FLOOR_DB) - cls.FLOOR_DB
        kernel = np.hanning(width + 2)[1:-1]
        padded = np.pad(level, width // 2, mode="edge")
        return np.convolve(padded, kernel / kernel.sum(), "valid")[:frames]

    @classmethod
    def fitted(cls, sounds: list[np.ndarray], jaws: list[np.ndarray]) -> Loudness:
        """Least squares on sounds (int16) with their jawOpen [n] at 30 frames/s (NaN where unknown)."""
        best, found = np.inf, cls(0.0, 0.0, 1)
        for width in (1, 3, 5, 7, 9):
            level = np.concatenate([cls.level(s, len(j), width) for s, j in zip(sounds, jaws, strict=True)])
            jaw = np.concatenate(jaws)
            good = np.isfinite(jaw)
            slope, offset = np.polyfit(level[good], jaw[good], 1)
            error = float(((slope * level + offset - jaw)[good] ** 2).mean())
            if error < best:
                best, found = error, cls(float(slope), float(offset), width)
        return found

    def talk(self, samples: np.ndarray, frames: int) -> Talk:
        """The face of a sound."""
        face = np.zeros((frames, len(ARKIT_51)))
        jaw = self.slope * self.level(samples, frames, self.width) + self.offset
        face[:, ARKIT_51.index("jawOpen")] = np.clip(jaw, 0, 1)
        return Talk(face)


def library_talks(sounds: list[np.ndarray], setting: Setting) -> dict[str, list[Talk]]:
    """Talks of every library for sounds (int16 at 16 kHz), half a second longer than the sound; kept in the cache."""
    script = REPOSITORY / "tools" / "lip-baselines.mjs"
    lock = json.loads((REPOSITORY / "package-lock.json").read_text())["packages"]
    packages = ("node_modules/@met4citizen/headaudio", "node_modules/wawa-lipsync")
    made_by = script.read_bytes() + "".join(lock[name]["integrity"] for name in packages).encode()
    folder = cache_folder() / "lip-baselines"
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / (hashlib.sha256(made_by + sound.tobytes()).hexdigest()[:32] + ".json") for sound in sounds]
    missing = [i for i, path in enumerate(paths) if not path.exists()]
    if missing:
        with tempfile.TemporaryDirectory(dir=setting.work) as name:
            work = Path(name)
            raw = [work / f"{i}.f32" for i in missing]
            for i, path in zip(missing, raw, strict=True):
                (sounds[i].astype("<f4") / 32768).tofile(path)
            (work / "list").write_text("".join(f"{path}\n" for path in raw))
            command = ["node", str(script), str(work / "list"), str(work / "out.json")]
            done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
            if done.returncode:
                raise RuntimeError(f"tools/lip-baselines.mjs failed: {done.stderr.strip()[-600:]}")
            results = json.loads((work / "out.json").read_text())["results"]
        for i, result in zip(missing, results, strict=True):
            paths[i].write_text(json.dumps(result))
    results = [json.loads(path.read_text()) for path in paths]
    return {ours: [library_talk(result, theirs) for result in results] for ours, theirs in LIBRARIES.items()}


def library_talk(result: dict, name: str) -> Talk:
    """The talk of one library in the tool's output for one sound."""
    plain = [one.removeprefix("viseme_") for one in result["names"]]
    order = np.array([VISEMES.index(OUR_NAMES.get(one, one)) for one in plain])
    weights = np.zeros((result["frames"], len(VISEMES)))
    weights[:, order] = result[name]["weights"]
    return Talk(np.clip(weights @ ARKIT_OF_VISEME, 0, 1), order[np.array(result[name]["visemes"])])
