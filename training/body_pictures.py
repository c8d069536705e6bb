"""Contact sheets of the body corpus: both persons as stick figures over time, to judge by eye.

    python body_pictures.py train-0003 --out sheet.png --start 5 --seconds 12 --every 0.5
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from body_skeleton import BONES
from corpus_body import Bodies, animate_stream
from corpus_conversation import folder
from locomotion import RATE_HZ
from measure_body import kinematics

ACTIONS = ("stand", "walk", "sit")


def lines(position: dict[str, np.ndarray], frame: int, view: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Segments [b, 2, 2] (right, up) of a figure seen along the horizontal direction `view` (x, z), and colours."""
    right = np.array([view[1], 0.0, -view[0]])
    segments, colours = [], []
    for name, (parent, _) in BONES.items():
        ends = np.stack([position[parent][frame], position[name][frame]])
        segments.append(np.stack([ends @ right, ends[:, 1]], -1))
        colours.append("tab:red" if name.startswith("left") else "tab:blue" if name.startswith("right") else "black")
    return np.stack(segments), colours


def sheet(bodies: Bodies, path: Path, frames: np.ndarray, title: str, columns: int = 8) -> None:
    """A picture: for each frame both persons from the side of the line between them, each from its own front."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.collections import LineCollection

    positions = [kinematics(bodies, i)[0] for i in (0, 1)]
    rows = -(-len(frames) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(3.0 * columns, 1.55 * rows), squeeze=False)
    for ax in axes.flat:
        ax.set_aspect("equal")
        ax.set_axis_off()
    for frame, ax in zip(frames, axes.flat, strict=False):
        root = bodies.arrays["root"][:, frame]
        middle = root[:, :2].mean(0)
        line = root[1, :2] - root[0, :2]
        line = line / max(np.linalg.norm(line), 1e-6)
        across = np.array([-line[1], line[0]])
        shift = np.array([middle[0], 0, middle[1]])
        for i in (0, 1):
            here = {k: v - shift for k, v in positions[i].items()}
            segments, colours = lines(here, frame, across)
            ax.add_collection(LineCollection(segments, colors=colours, linewidths=1.1))
            head = here["head"][frame] + (0, 0.1, 0)
            ax.add_patch(plt.Circle((head @ [across[1], 0, -across[0]], head[1]), 0.1, fill=False, linewidth=0.8))
            ahead = np.array([np.sin(root[i, 2]), np.cos(root[i, 2])])
            own = {k: v - np.array([root[i, 0], 0, root[i, 1]]) for k, v in positions[i].items()}
            segments, colours = lines(own, frame, -ahead)
            segments[:, :, 0] += 1.75 + 0.95 * i
            ax.add_collection(LineCollection(segments, colors=colours, linewidths=1.1))
        act = "/".join(ACTIONS[bodies.arrays["action"][i, frame]][:2] for i in (0, 1))
        said = "".join("AB"[i] for i in (0, 1) if bodies.talk[i].speaking[frame])
        ax.set_title(f"{frame / RATE_HZ:.1f} {act} {said}", fontsize=7, pad=1)
        ax.set_xlim(-1.25, 3.2)
        ax.set_ylim(-0.05, 1.85)
    figure.suptitle(title, fontsize=8)
    figure.tight_layout(pad=0.3)
    figure.savefig(path, dpi=80)
    plt.close(figure)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("stream", help="name of a stored stream or path of its file")
    parser.add_argument("--kind", help="force a kind of scene")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=float, default=0.0)
    parser.add_argument("--seconds", type=float, default=48.0)
    parser.add_argument("--every", type=float, default=1.0)
    options = parser.parse_args()
    stored = Path(options.stream)
    bodies = animate_stream(stored if stored.exists() else folder() / f"{options.stream}.npz", options.kind)
    step = max(int(options.every * RATE_HZ), 1)
    first = int(options.start * RATE_HZ)
    frames = np.arange(first, min(first + int(options.seconds * RATE_HZ), bodies.arrays["root"].shape[1]), step)
    sheet(bodies, options.out, frames, f"{options.stream} {bodies.scene.kind} relationship {bodies.scene.relationship}")


if __name__ == "__main__":
    main()
