"""Lips of the product on held-out recordings, and of the baselines on the very same ones.

Person A says one utterance, person B is silent. `kathleen`: that talker's test split without the sentences that occur
in train. `unseen`: every aligned utterance of the dc-tts talker, who is in no training data. `grid`: against the
tracked face of the GRID validation clips (see grid.py). Each has `baselines` beside ours, measured alike.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from corpus_speech import Utterance, plain_text, recorded
from evaluation.goals import Goal
from evaluation.grid import JAW, TRACKED_HZ, Clip, grid_measures, load_clips, load_mesh, tracked_figures
from evaluation.jobs import Job, emitted
from evaluation.lip_baselines import LIBRARIES, LONGEST_DELAY, NOTES, PHONE_TABLES, Loudness, Talk, library_talks
from evaluation.setting import Setting, data_folder
from face_metrics import (
    BILABIALS,
    FRAME_RATE_HZ,
    OPEN_VOWELS,
    IctFace,
    frames_within,
    lagged_correlation,
    lip_closure,
    lip_distance,
    lip_gap,
    load_ict,
)
from lips import levels_db
from phones import PHONES, SILENCE, VISEME_ID, VISEME_OF_PHONE, VISEMES, frame_phones

GOALS = [
    Goal("Kathleen: viseme accuracy", "lips.kathleen.viseme_accuracy", at_least=0.86),
    Goal("Kathleen: P, B, M closed", "lips.kathleen.pbm_closed", at_least=0.97),
    Goal("Kathleen: open vowels falsely closed", "lips.kathleen.false_closures", at_most=0.05),
    Goal("Kathleen: jaw of open vowels over the tracked one", "lips.kathleen.open_vowel_jaw_ratio", at_least=0.6),
    Goal("unseen talker: viseme accuracy", "lips.unseen.viseme_accuracy", at_least=0.65),
    Goal("GRID: jawOpen r at |lag| <= 40 ms", "lips.grid.jaw_r", at_least=0.85),
]
RESAMPLES = 300


def held_out_kathleen(data: Path) -> list[Utterance]:
    """Aligned test utterances of Kathleen whose sentence is in no other split."""
    folder = data / "speech-kathleen"
    split = json.loads((folder / "split.json").read_text())
    rows = (folder / "transcripts.tsv").read_text().splitlines()[1:]
    texts = {id: plain_text(text) for id, text in (row.split("\t", 1) for row in rows)}
    known = {text for id, text in texts.items() if split[id] == "train"}
    return [u for u in recorded("kathleen") if split[u.id] == "test" and texts[u.id] not in known]


def frames_of(samples: np.ndarray) -> int:
    """Frames that the command line makes of a sound [N] at 16 kHz."""
    return len(samples) * 30 // 16000 + 1


def talk_of(motion: dict, person: int = 0) -> Talk:
    """A person's face and visemes in a motion.json."""
    assert motion["visemes"] == VISEMES and motion["source"]["phones"] == PHONES
    return Talk(motion["persons"][person]["face"], motion["persons"][person]["viseme"])


def product_talks(
    spoken: dict[str, list[Utterance]], clips: list[Clip], data: Path, setting: Setting
) -> tuple[list[Talk], float]:
    """What the product makes of recordings (by folder of the data), then of clips; its median real-time factor."""
    jobs = [Job(data / folder / "flac" / f"{u.id}.flac") for folder, found in spoken.items() for u in found]
    motions = emitted(jobs + [Job(clip.path) for clip in clips], setting)
    factor = float(np.median([motion["real_time_factor"] for motion in motions]))
    return [talk_of(motion) for motion in motions], factor


def right_visemes(utterance: Utterance, viseme: np.ndarray, table: np.ndarray = VISEME_OF_PHONE) -> tuple[int, int]:
    """(right, counted) frames of speech of visemes [n]; `table` [40] is the viseme of every phone."""
    truth = frame_phones([(int(p), s, d) for p, s, d in utterance.segments], len(viseme))
    spoken = truth != SILENCE
    return int((viseme == table[truth])[spoken].sum()), int(spoken.sum())


def best_delay(utterances: list[Utterance], talks: list[Talk]) -> int:
    """Frames by which the sound should be delayed for the most right visemes, at most LONGEST_DELAY."""
    found = []
    for delay in range(LONGEST_DELAY + 1):
        cut = (t.cut(frames_of(u.samples), delay) for u, t in zip(utterances, talks, strict=True))
        found.append(sum(right_visemes(u, t.viseme)[0] for u, t in zip(utterances, cut, strict=True)))
    return int(np.argmax(found))


def ratio_and_error(hits: list[float], counts: list[float]) -> tuple[float, float]:
    """Sum of hits over sum of counts, and its standard error by drawing utterances anew."""
    hits, counts = np.asarray(hits, float), np.asarray(counts, float)
    draws = np.random.default_rng(0).integers(len(hits), size=(RESAMPLES, len(hits)))
    spread = hits[draws].sum(1) / np.maximum(counts[draws].sum(1), 1)
    return float(hits.sum() / max(counts.sum(), 1)), float(spread.std())


def speech_measures(
    utterances: list[Utterance], talks: list[Talk], ict: IctFace, tracked_jaw: float, table: np.ndarray | None = None
) -> dict:
    """Visemes, closure and jaw over all utterances; a talk without visemes gets None for them."""
    visemes, closed, false, jaws, opened, runs, heard = [], [], [], [], [], [], []
    for utterance, talk in zip(utterances, talks, strict=True):
        phones = [(PHONES[int(p)], float(s), float(d)) for p, s, d in utterance.segments]
        run = (talk.face, phones)
        runs.append(run)
        if talk.viseme is not None:
            visemes.append(right_visemes(utterance, talk.viseme))
        one = lip_closure([run], ict)
        closed.append((one["closed"] * one["bilabials"], one["bilabials"]))
        false.append((one["false_closures"] * one["open_vowels"], one["open_vowels"]))
        level = np.maximum(levels_db(utterance.samples / 32768, len(talk.face)), -70)
        jaws.append(lagged_correlation(level, talk.face[:, JAW]))
        for phone, start, duration in phones:
            inside = talk.face[frames_within(start, duration, len(talk.face), 0), JAW]
            if phone in BILABIALS and talk.viseme is not None:
                heard.append((talk.viseme[frames_within(start, duration, len(talk.face))] == VISEME_ID["PP"]).any())
            if phone in OPEN_VOWELS and len(inside):
                opened.append(float(inside.max()))
    closure = lip_closure(runs, ict)
    accuracy, accuracy_error = ratio_and_error(*zip(*visemes, strict=True)) if visemes else (None, None)
    pbm, pbm_error = ratio_and_error(*zip(*closed, strict=True))
    wrong, wrong_error = ratio_and_error(*zip(*false, strict=True))
    own = []
    if table is not None:
        own = [right_visemes(u, t.viseme, table) for u, t in zip(utterances, talks, strict=True)]
    jaw = float(np.median(opened)) if opened else 0.0
    return {
        "utterances": len(utterances),
        "speech_frames": sum(n for _, n in visemes) if visemes else None,
        "viseme_accuracy": accuracy,
        "viseme_accuracy_error": accuracy_error,
        "viseme_accuracy_own_table": ratio_and_error(*zip(*own, strict=True))[0] if own else None,
        "bilabials": closure["bilabials"],
        "pbm_heard": float(np.mean(heard)) if heard else None,
        "pbm_closed": pbm,
        "pbm_closed_error": pbm_error,
        "open_vowels": closure["open_vowels"],
        "false_closures": wrong,
        "false_closures_error": wrong_error,
        "false_closures_inside": closure["false_closures_inside"],
        "false_closures_apart": closure["false_closures_apart"],
        "pbm_closed_by_distance": lip_closure(runs, ict, lip_distance)["closed"],
        "open_vowel_jaw": jaw,
        "open_vowel_jaw_ratio": jaw / tracked_jaw,
        "jaw_loudness_r": float(np.mean([r for r, _ in jaws])),
        "jaw_loudness_lag_ms": float(np.mean([lag for _, lag in jaws]) * 1000 / 30),
    }


def fitted_loudness(clips: list[Clip]) -> Loudness:
    """Loudness -> jawOpen of the training clips, tracked curves read at 30/s."""
    jaws = []
    for clip in clips:
        times = np.arange(frames_of(clip.samples)) / FRAME_RATE_HZ
        jaws.append(np.interp(times, np.arange(len(clip.tracked)) / TRACKED_HZ, clip.tracked[:, JAW]))
    return Loudness.fitted([clip.samples for clip in clips], jaws)


def measure(setting: Setting) -> dict:
    """All lips: {kathleen, unseen, grid}, each ours with `baselines`."""
    data = data_folder()
    ict, mesh = load_ict(data / "face-ict/ict_arkit.npz"), load_mesh(data / "face-ict/ict_arkit.npz")
    clips = load_clips(data)
    grid = clips["val"][: setting.limit]
    everything = clips["train"] + clips["val"]
    parts = {
        "kathleen": ("speech-kathleen", held_out_kathleen(data)[: setting.limit]),
        "unseen": ("speech-dc-tts", list(recorded("dc-tts"))[: setting.limit]),
    }
    ours, factor = product_talks(dict(parts.values()), grid, data, setting)
    sounds = [u.samples for _, found in parts.values() for u in found] + [clip.samples for clip in grid]
    talks = {"ours": ours, "loudness": [], **library_talks(sounds, setting)}
    loudness = fitted_loudness(clips["train"])
    talks["loudness"] = [loudness.talk(sound, frames_of(sound)) for sound in sounds]
    kathleen = parts["kathleen"][1]
    delays = {name: best_delay(kathleen, talks[name][: len(kathleen)]) for name in LIBRARIES}
    for name, delay in delays.items():
        talks[name] = [talk.cut(frames_of(sound), delay) for talk, sound in zip(talks[name], sounds, strict=True)]

    tracked = tracked_figures(everything, mesh)
    result: dict = {}
    at = 0
    for name, (_, found) in parts.items():
        span = slice(at, at + len(found))
        at = span.stop
        measured = {
            who: speech_measures(found, those[span], ict, tracked["open_word_jaw"], PHONE_TABLES.get(who))
            for who, those in talks.items()
        }
        result[name] = measured.pop("ours") | {"baselines": measured}
    measured = {who: grid_measures(grid, [t.face for t in those[at:]], mesh) for who, those in talks.items()}
    result["grid"] = measured.pop("ours") | {"tracked": tracked, "baselines": measured}
    result["gap_at_rest_mm"] = float(lip_gap(np.zeros((1, talks["ours"][0].face.shape[1])), ict)[0] * 10)
    result["delay_ms_of_baselines"] = {name: delay * 1000 / FRAME_RATE_HZ for name, delay in delays.items()}
    result["real_time_factor"] = factor
    if setting.report:
        _keep(setting.report, kathleen, ours, grid, ours[at:], talks["headaudio"])
    return result


def _keep(
    folder: Path,
    utterances: list[Utterance],
    talks: list[Talk],
    clips: list[Clip],
    faces: list[Talk],
    other: list[Talk],
) -> None:
    """Curves for the report, lips-<id>.npz: samples at 16 kHz, face [n, 51] at 30/s, labels (phone or word, start, end)
    and the face of a baseline, or the tracked one at 25/s."""
    for utterance, talk, baseline in list(zip(utterances, talks, other, strict=False))[:3]:
        phones = np.array([(PHONES[int(p)], s, s + d) for p, s, d in utterance.segments], object).astype(str)
        np.savez(
            folder / f"lips-{utterance.id}.npz",
            samples=utterance.samples,
            face=talk.face,
            headaudio=baseline.face,
            labels=phones,
            text=utterance.text,
        )
    for clip, talk in list(zip(clips, faces, strict=True))[:3]:
        np.savez(
            folder / f"lips-grid-{clip.id}.npz",
            samples=clip.samples,
            face=talk.face,
            tracked=clip.tracked,
            labels=np.array(clip.words, object).astype(str),
        )


ROWS = {
    "utterances": "utterances",
    "speech_frames": "frames of speech",
    "viseme_accuracy": "viseme frame accuracy, 15 classes",
    "viseme_accuracy_own_table": "… by the library's own phone table",
    "bilabials": "P, B, M",
    "pbm_heard": "… with the viseme PP (± 1 frame)",
    "pbm_closed": "… closed on the ICT face (± 1 frame)",
    "pbm_closed_by_distance": "… closed by distance of the lips",
    "open_vowels": "open vowels",
    "false_closures": "… falsely closed (± 1 frame)",
    "false_closures_inside": "… falsely closed, own frames only",
    "false_closures_apart": "… falsely closed, not beside P, B, M",
    "open_vowel_jaw": "… median of their largest jawOpen",
    "open_vowel_jaw_ratio": "… over the tracked talker's",
    "jaw_loudness_r": "jawOpen against loudness, best r",
    "jaw_loudness_lag_ms": "… at lag (jaw later: positive), ms",
}
GRID_ROWS = {
    "clips": "clips",
    "jaw_r": "jawOpen against tracked, r at |lag| <= 40 ms",
    "jaw_r_no_lag": "… without lag",
    "jaw_r_any_lag": "… at the best lag within ± 200 ms",
    "lag_ms": "that lag (emitted later: positive), ms",
    "jaw_r_pooled": "… all clips as one series",
    "lip_shapes_r": "lip shapes against tracked, mean r, |lag| <= 40 ms",
    "open_word_jaw_ratio": "jaw of open words over tracked",
    "word_peak_late_ms": "jaw peak of a word later than tracked, median ms",
    "lve_mm2": "lip vertex error, mm² (largest squared, mean)",
    "lve_scaled_mm2": "… with all weights times the one factor that fits best",
    "lve_scale": "… that factor",
    "fdd_mm2": "upper-face dynamics deviation, mm² (tracked - ours)",
    "fdd_without_gaze_mm2": "… without the lids' part of gaze",
}


def _columns(part: dict, rows: dict[str, str]) -> list[str]:
    columns = {"ours": part, **part["baselines"]}
    lines = [f"{'':52s}" + "".join(f"{name:>14s}" for name in columns)]
    for key, label in rows.items():
        cells = ""
        for column in columns.values():
            value = column[key]
            text = "—" if value is None else str(value) if isinstance(value, int) else f"{value:.3f}"
            if column.get(f"{key}_error") is not None:
                text += f" ±{column[f'{key}_error']:.3f}"
            cells += f"{text:>14s}"
        lines.append(f"{label:52s}{cells}")
    return lines


def table(result: dict) -> str:
    """Ours and the baselines side by side for every talker."""
    titles = {
        "kathleen": "Lips: Kathleen test, sentences that occur in no training text",
        "unseen": "Lips: dc-tts, a talker in no training data",
        "grid": "Lips against a tracked face: GRID validation clips (one talker; his other clips are in training)",
    }
    lines = []
    for name, title in titles.items():
        rows = GRID_ROWS if name == "grid" else ROWS
        lines += [title, *_columns(result[name], rows), ""]
    shapes = result["grid"]["lip_shapes"]
    lines.append("r by channel: " + ", ".join(f"{name} {one['r']:.2f}" for name, one in shapes.items()))
    lines.append("left out, practically constant: " + ", ".join(result["grid"]["left_out"]))
    tracked = result["grid"]["tracked"]
    lines.append(
        f"tracked, all clips: jaw of open words {tracked['open_word_jaw']:.3f}; lip vertex error of a still face "
        f"{tracked['lve_of_a_still_face_mm2']:.2f} mm², dynamics above {tracked['upper_face_dynamics_mm2']:.2f} mm²"
    )
    delays = ", ".join(f"{name} {ms:.0f} ms" for name, ms in result["delay_ms_of_baselines"].items())
    lines.append(f"baselines' sound delayed for their best visemes: {delays}; ours needs its look-ahead instead")
    lines.append(
        f"the ICT face's lips stand {result['gap_at_rest_mm']:.1f} mm apart at rest: only shapes that press or roll the "
        "lips shut close them, which neither loudness nor the recipe for the libraries' visemes (made for other faces) "
        "does; read `with the viseme PP` beside it"
    )
    lines += [f"{name}: {note}" for name, note in NOTES.items()]
    return "\n".join(lines)
