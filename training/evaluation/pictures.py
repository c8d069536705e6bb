"""Pictures of the report: curves of sound, phones, jaw, lips and head, drawn faces, and contact sheets of bodies.

Drawn from what sections leave in the report's folder: `lips-<id>.npz` (evaluation/lips.py) and `talk-<name>.npz`
(`keep_talks`). Frames at 30/s, sounds at 16 kHz; n frames, 2 persons.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import numpy as np  # noqa: E402
import soundfile  # noqa: E402
from matplotlib import pyplot  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.collections import LineCollection, PolyCollection  # noqa: E402

from body_skeleton import BONES  # noqa: E402
from corpus_speech import RATE_HZ  # noqa: E402
from evaluation.figures import positions  # noqa: E402
from face import ARKIT_51  # noqa: E402
from face_metrics import BILABIALS, CLOSED_SHARE, FRAME_RATE_HZ, OPEN_VOWELS, lip_gap, load_ict  # noqa: E402
from lips import levels_db  # noqa: E402
from phones import SILENCE  # noqa: E402

TRACKED_HZ = 25.0
TALKS, TALK_S = 3, 30.0
PERSON_COLOURS = ("tab:blue", "tab:orange")
PHONE_COLOURS = {"closed": "#d65f5f", "open": "#6acc64", "other": "#dddddd"}
# Where a frame is drawn as a face: closed lips, teeth on lip, rounded, spread, wide open.
SHOWN = tuple(kind.split() for kind in ("B P M", "AA AE AO AY AW", "F V", "UW OW W", "IY EY", "SH CH S"))
COLUMN = {name: k for k, name in enumerate(ARKIT_51)}
FACE_LOW_Y, FACE_HIGH_Y, FACE_HALF_WIDTH = -11.0, 8.0, 7.5
"""The part of the ICT face that is drawn, in its units (about cm)."""


def save(figure: pyplot.Figure, path: Path, dpi: int = 100) -> Path:
    """Writes a figure as PNG and forgets it."""
    figure.savefig(path, dpi=dpi)
    pyplot.close(figure)
    return path


def keep_talks(folder: Path, scenes: list, runs: list, bodies: list[np.ndarray] | None = None) -> None:
    """Leaves talks for the report: scenes (evaluation.talk.Scene) with what the product made of them and, where given,
    their simulated bodies [2, n, 75]."""
    for k, (scene, run) in enumerate(list(zip(scenes, runs, strict=True))[:TALKS]):
        n = min(int(TALK_S * FRAME_RATE_HZ), run.face.shape[1], scene.phone.shape[1])
        count = int(n / FRAME_RATE_HZ * RATE_HZ)
        sounds = [soundfile.read(path, dtype="int16", frames=count)[0] for path in scene.sounds]
        arrays = {name: getattr(run, name)[:, :n] for name in ("face", "turn", "body")}
        arrays |= {"samples": np.stack(sounds), "phone": scene.phone[:, :n]}
        if bodies:
            arrays["corpus"] = bodies[k][:, :n]
        np.savez_compressed(folder / f"talk-{scene.name}.npz", **arrays)


class Head:
    """The ICT face as faces of four corners, to be drawn from the front."""

    def __init__(self, path: Path):
        with np.load(path) as file:
            self.neutral, self.faces = file["neutral"].astype(np.float32), file["faces"]
            names, delta = [str(n) for n in file["names"]], file["delta"].astype(np.float32)
        self.delta = np.zeros((len(ARKIT_51), *self.neutral.shape), np.float32)
        for k, channel in enumerate(ARKIT_51):
            sided = channel.replace("Left", "_L").replace("Right", "_R")
            ways = ((channel,), (sided,), (channel + "_L", channel + "_R"))
            for name in next(w for w in ways if w[0] in names):
                self.delta[k] += delta[names.index(name)]

    def draw(self, axis: Axes, weights: np.ndarray, title: str = "") -> None:
        """One face of weights [51], lit from the front and a little from above."""
        points = self.neutral + np.tensordot(weights.astype(np.float32), self.delta, 1)
        corners = points[self.faces]
        normal = np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
        middle = corners.mean(1)
        seen = (normal[:, 2] > 0) & (np.abs(middle[:, 0]) < FACE_HALF_WIDTH)
        seen &= (middle[:, 1] > FACE_LOW_Y) & (middle[:, 1] < FACE_HIGH_Y)
        order = np.flatnonzero(seen)[np.argsort(middle[seen, 2])]
        light = np.clip(0.25 + 0.75 * normal[order] @ np.array([0.25, 0.45, 0.86]), 0, 1)
        grey = np.repeat(light[:, None], 3, 1) * (0.96, 0.86, 0.78)
        # What is behind lips and lids is not part of this model: dark.
        for low, size in ((-8.0, 7.0), (0.5, 6.0)):
            axis.add_patch(pyplot.Rectangle((-5.0, low), 10.0, size, color="#2a1616", zorder=0))
        flat, look = corners[order][..., :2], {"facecolors": grey, "edgecolors": grey, "linewidths": 0.4}
        axis.add_collection(PolyCollection(flat, antialiased=False, **look))
        axis.set_frame_on(False)
        axis.set_aspect("equal")
        axis.set(xlim=(-FACE_HALF_WIDTH, FACE_HALF_WIDTH), ylim=(FACE_LOW_Y, FACE_HIGH_Y), xticks=[], yticks=[])
        axis.set_title(title, fontsize=9)


def label_row(axis: Axes, labels: np.ndarray) -> None:
    """Boxes of labels [k, 3] = name, start s, end s; P B M and open vowels in colour."""
    for name, start, end in labels:
        a, b = float(start), float(end)
        kind = "closed" if name in BILABIALS else "open" if name in OPEN_VOWELS else "other"
        if name.lower() in ("sil", "sp", ""):
            continue
        axis.axvspan(a, b, color=PHONE_COLOURS[kind], ec="white", lw=1)
        axis.text((a + b) / 2, 0.5, name, ha="center", va="center", fontsize=7, clip_on=True)
    axis.set(yticks=[], ylim=(0, 1))


def shade(axis: Axes, labels: np.ndarray) -> None:
    """Stripes where lips must close."""
    for name, start, end in labels:
        if name in BILABIALS:
            axis.axvspan(float(start), float(end), color=PHONE_COLOURS["closed"], alpha=0.18, lw=0)


def shown_frames(labels: np.ndarray, gaps: np.ndarray) -> list[tuple[str, int]]:
    """(phone, frame) of at most one phone of each kind of SHOWN, the longest: where its lips are furthest closed or
    open, else its middle; words are shown in their middle."""
    out = []
    for kind in SHOWN:
        found = [(n, float(a), float(b)) for n, a, b in labels if n in kind]
        if not found:
            continue
        name, start, end = max(found, key=lambda one: one[2] - one[1])
        first, last = int(np.ceil(start * FRAME_RATE_HZ)), int(end * FRAME_RATE_HZ) + 1
        span = np.arange(first, min(max(last, first + 1), len(gaps)))
        if len(span):
            closes, opens = name in (*BILABIALS, "F", "V"), name in OPEN_VOWELS
            pick = span[gaps[span].argmin() if closes else gaps[span].argmax() if opens else len(span) // 2]
            out.append((name, int(pick)))
    words = [(n, (float(a) + float(b)) / 2) for n, a, b in labels if n.lower() != "sil"]
    return out or [(n, min(round(at * FRAME_RATE_HZ), len(gaps) - 1)) for n, at in words[:6]]


def lips_picture(path: Path, ict_path: Path, out: Path) -> Path:
    """Sound, labels, jaw, lips and gap of one utterance, ours beside what else is in the file, and faces below."""
    with np.load(path) as file:
        data = {name: file[name] for name in file}
    samples, face, labels = data["samples"] / 32768, data["face"], data["labels"]
    ict, head = load_ict(ict_path), Head(ict_path)
    others = {
        name: (values, TRACKED_HZ if name == "tracked" else FRAME_RATE_HZ)
        for name, values in data.items()
        if name not in ("samples", "face", "labels", "text")
    }
    seconds, times = len(samples) / RATE_HZ, np.arange(len(face)) / FRAME_RATE_HZ
    gaps = lip_gap(face, ict)
    frames = shown_frames(labels, gaps)
    figure = pyplot.figure(figsize=(13, 10.4), layout="constrained")
    grid = figure.add_gridspec(6, 1, height_ratios=(0.9, 0.35, 1, 1, 1, 2.9))
    rows = [figure.add_subplot(grid[k]) for k in range(5)]
    for row in rows[:-1]:
        row.sharex(rows[-1])
        row.tick_params(labelbottom=False)
    sound, names, jaw, lips, gap = rows
    sound.plot(times, levels_db(samples, len(face)), color="black", lw=1)
    sound.set(ylabel="level, dB", ylim=(-75, 0), title=str(data.get("text", "")))
    label_row(names, labels)
    jaw.plot(times, face[:, COLUMN["jawOpen"]], color="tab:blue", lw=1.8, label="ours")
    gap.plot(times, gaps, color="tab:blue", lw=1.8, label="ours")
    gap.axhline(CLOSED_SHARE * np.percentile(gaps, 95), color="tab:red", lw=0.8, ls=":", label="counts as closed")
    for colour, (name, (values, rate)) in zip(("tab:orange", "tab:green", "tab:purple"), others.items(), strict=False):
        at = np.arange(len(values)) / rate
        jaw.plot(at, values[:, COLUMN["jawOpen"]], color=colour, lw=1.1, label=name)
        gap.plot(at, lip_gap(np.nan_to_num(values), ict), color=colour, lw=1.1, label=name)
    for name, style in (("mouthPucker", "-"), ("mouthFunnel", "--"), ("mouthClose", ":"), ("mouthStretchLeft", "-.")):
        lips.plot(times, face[:, COLUMN[name]], ls=style, lw=1.3, label=name)
    for row, label in ((jaw, "jawOpen"), (lips, "ours, lips"), (gap, "lip gap, cm")):
        shade(row, labels)
        row.set_ylabel(label)
        row.legend(fontsize=8, loc="upper right", ncols=4)
        row.set_ylim(bottom=0)
        row.margins(y=0.25)
        row.autoscale(axis="y")
        row.set_ylim(bottom=0)
    for _, k in frames:
        gap.axvline(k / FRAME_RATE_HZ, color="black", lw=0.7, alpha=0.6)
    gap.set(xlim=(0, seconds), xlabel="s")
    faces = grid[5].subgridspec(1, max(len(frames), 1))
    for k, (name, frame) in enumerate(frames):
        head.draw(figure.add_subplot(faces[k]), face[frame], f"{name} {frame / FRAME_RATE_HZ:.2f} s".strip())
    return save(figure, out)


def talk_curves(path: Path, out: Path) -> Path:
    """Both persons' sound, speech, jaw, smile, brows and head over a talk."""
    with np.load(path) as file:
        data = {name: file[name] for name in file}
    n = data["face"].shape[1]
    times = np.arange(n) / FRAME_RATE_HZ
    level = np.stack([levels_db(s / 32768, n) for s in data["samples"]])
    smile = data["face"][..., [COLUMN["mouthSmileLeft"], COLUMN["mouthSmileRight"]]].mean(-1)
    brows = data["face"][..., [COLUMN["browInnerUp"], COLUMN["browOuterUpLeft"], COLUMN["browOuterUpRight"]]].mean(-1)
    head = np.degrees(data["body"][..., -3:])
    rows = {
        "level, dB": np.maximum(level, -75),
        "turn": data["turn"],
        "jawOpen": data["face"][..., COLUMN["jawOpen"]],
        "smile": smile,
        "brows up": brows,
        "head down, °": head[..., 0],
        "head left, °": head[..., 1],
    }
    figure, axes = pyplot.subplots(len(rows) + 1, 1, figsize=(15, 11), sharex=True, layout="constrained")
    for person, row in enumerate(data["phone"]):
        spoken = np.concatenate([[0], (row != SILENCE).astype(int), [0]])
        edges = np.flatnonzero(np.diff(spoken)).reshape(-1, 2) / FRAME_RATE_HZ
        axes[0].broken_barh([(a, b - a) for a, b in edges], (1 - person, 0.8), color=PERSON_COLOURS[person])
    axes[0].set(yticks=(0.4, 1.4), yticklabels=("B", "A"), ylabel="speaks", ylim=(-0.1, 1.9))
    for axis, (label, values) in zip(axes[1:], rows.items(), strict=True):
        for person, colour in enumerate(PERSON_COLOURS):
            axis.plot(times, values[person], color=colour, lw=1.1, label="AB"[person])
        axis.set_ylabel(label)
        axis.grid(alpha=0.25)
    axes[1].legend(loc="upper right", ncols=2, fontsize=8)
    axes[-1].set(xlabel="s", xlim=(0, n / FRAME_RATE_HZ))
    figure.align_ylabels(axes)
    return save(figure, out, 80)


def stick(axis: Axes, position: dict[str, np.ndarray], frame: int, right: np.ndarray, colour: str, at: float) -> None:
    """One figure seen so that `right` [3] is to the right, moved by `at`: left limbs dashed-light, head as a circle."""
    segments, colours, widths = [], [], []
    for name, (parent, _) in BONES.items():
        if name in ("face", "head"):
            continue
        ends = np.stack([position[parent][frame], position[name][frame]])
        segments.append(np.stack([ends @ right + at, ends[:, 1]], -1))
        limb = name.startswith(("left", "right"))
        colours.append(matplotlib.colors.to_rgba(colour, 0.55 if name.startswith("left") else 1.0))
        widths.append(1.5 if limb else 2.4)
    axis.add_collection(LineCollection(segments, colors=colours, linewidths=widths, capstyle="round"))
    top, face = position["head"][frame] + (0, 0.09, 0), position["face"][frame]
    centre = np.array([top @ right + at, top[1]])
    axis.add_patch(pyplot.Circle(centre, 0.105, fill=False, color=colour, lw=1.6))
    # The nose says where they look.
    nose = np.array([face @ right + at, face[1]])
    axis.plot(*np.stack([centre + 0.4 * (nose - centre), nose], -1), color=colour)


def contact_sheet(body: np.ndarray, out: Path, title: str, phone: np.ndarray | None = None, count: int = 24) -> Path:
    """Both persons of bodies [2, n, 75] at `count` moments, seen from the side of the line between them."""
    made = [positions(person.astype(np.float64))[0] for person in body]
    frames = np.linspace(0, body.shape[1] - 1, count).astype(int)
    columns = 8
    rows = -(-count // columns)
    figure, axes = pyplot.subplots(rows, columns, figsize=(17, 2.35 * rows + 0.3), squeeze=False)
    for axis, frame in zip(axes.flat, frames, strict=True):
        hips = np.stack([p["hips"][frame] for p in made])
        line = (hips[1] - hips[0]) * (1, 0, 1)
        far = float(np.linalg.norm(line))
        right = line / far if far > 0.05 else np.array([0.0, 0, 1.0])
        middle = float(hips.mean(0) @ right)
        for position, colour in zip(made, PERSON_COLOURS, strict=True):
            stick(axis, position, int(frame), right, colour, -middle)
        speaks = "" if phone is None else "".join("AB"[i] for i in (0, 1) if phone[i, min(frame, phone.shape[1] - 1)])
        axis.set_title(f"{frame / FRAME_RATE_HZ:.1f} s" + (f"  {speaks} speaks" if speaks else ""), fontsize=8, pad=2)
        half = max(1.0, far / 2 + 0.45)
        axis.plot([-half, half], [0, 0], color="#999999", lw=0.8)
        axis.set(xlim=(-half, half), ylim=(-0.08, 1.9))
    for axis in axes.flat:
        axis.set_aspect("equal")
        axis.set_axis_off()
    figure.suptitle(title, fontsize=11)
    figure.tight_layout(pad=0.4)
    return save(figure, out, 80)


def sweep_picture(rows: dict[str, dict], keys: dict[str, str], out: Path, label: str) -> Path | None:
    """Numbers against a numeric setting, one panel a number; None where fewer than two settings are there."""
    found = {float(name): row for name, row in rows.items() if str(name).replace(".", "").isdigit()}
    keys = {key: title for key, title in keys.items() if any(row.get(key) is not None for row in found.values())}
    if len(found) < 2 or not keys:
        return None
    figure, axes = pyplot.subplots(1, len(keys), figsize=(3.4 * len(keys), 2.8), squeeze=False, layout="constrained")
    order = sorted(found)
    for axis, (key, title) in zip(axes.flat, keys.items(), strict=True):
        values = np.array([np.nan if found[s].get(key) is None else found[s][key] for s in order], float)
        error = np.array([found[s].get(f"{key}_error") or 0.0 for s in order], float)
        axis.errorbar(order, values, error, marker="o", lw=1.5, capsize=2)
        axis.set(title=title, xlabel=label, xticks=order)
        axis.grid(alpha=0.3)
    return save(figure, out)

