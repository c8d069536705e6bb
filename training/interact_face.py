"""Faces of the InterAct data set: 55 ICT-FaceKit weights to 51 ARKit weights, and checks of what columns mean.

The card says that the conversion "merges certain blendshape pairs and removes unused indices" and names no column. We
take ICT-FaceKit's alphabetical order of 53 shapes, with cheekRaiser_L and _R (unused) after cheekPuff_R, and ARKit in
MediaPipe's order. What can be checked is checked: where a recording has both arrays, the conversion is fitted (which
two columns are unused, how pairs are merged); the data set's `blendshape_ict.npy` is compared with the face model.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from face import ARKIT_51
from interact_files import DatasetError

ICT_55, MERGED = 55, ("browInnerUp", "cheekPuff")
MERGES = {
    "mean": lambda left, right: (left + right) / 2,
    "larger": np.maximum,
    "left": lambda left, _: left,
    "sum": lambda left, right: np.minimum(left + right, 1),
}
CHEEK_RAISER = 8
"""Where the two unused columns are unless the data say otherwise."""
FITS_WITHIN = 0.01
"""A conversion fits if 99 % of the weights differ by less than this."""


_DIRECTIONS = ("jawLeft", "jawRight", "mouthLeft", "mouthRight")


def _ict_53() -> list[str]:
    sides = [[name] if name not in MERGED else [name + "Left", name + "Right"] for name in ARKIT_51]
    flat = [name for both in sides for name in both]
    return [n if n in _DIRECTIONS else n.replace("Left", "_L").replace("Right", "_R") for n in flat]


ICT_53 = _ict_53()
"""ICT-FaceKit's expression shapes in its alphabetical order."""


@dataclass(frozen=True)
class Conversion:
    """ICT-55 to ARKit-51: the first of the two neighbouring columns that are left out, and how pairs are merged."""

    unused: int = CHEEK_RAISER
    merge: str = "mean"

    def __call__(self, ict: np.ndarray) -> np.ndarray:
        """ARKit weights [n, 51] of ICT weights [n, 55]."""
        kept = np.delete(ict, (self.unused, self.unused + 1), 1)
        out = np.empty((len(ict), len(ARKIT_51)), np.float32)
        column = 0
        for k, name in enumerate(ARKIT_51):
            if name in MERGED:
                out[:, k] = MERGES[self.merge](kept[:, column], kept[:, column + 1])
            else:
                out[:, k] = kept[:, column]
            column += 2 if name in MERGED else 1
        return out


def fit_conversion(pairs: list[tuple[np.ndarray, np.ndarray]]) -> tuple[Conversion, str]:
    """The conversion that turns the ICT arrays [n, 55] of `pairs` into their ARKit arrays [n, 51], and what it is."""
    if not pairs:
        return Conversion(), "ICT to ARKit: not checked, no recording has both arrays; ICT-FaceKit's order is assumed"
    cut = [min(len(a), len(b)) for a, b in pairs]
    ict = np.concatenate([a[:n] for (a, _), n in zip(pairs, cut, strict=True)])[::3]
    arkit = np.concatenate([b[:n] for (_, b), n in zip(pairs, cut, strict=True)])[::3]

    def error(conversion: Conversion) -> float:
        return float(np.percentile(np.abs(conversion(ict) - arkit), 99))

    # The default comes first, so that it stays where nothing tells candidates apart (unused columns may be equal).
    order = sorted(range(ICT_55 - 1), key=lambda k: abs(k - CHEEK_RAISER))
    best = min((Conversion(k, merge) for k, merge in product(order, MERGES)), key=error)
    off = error(best)
    if off > FITS_WITHIN:
        return best, (
            f"ICT to ARKit: no known conversion fits (99 % of weights within {off:.3f}); face_arkit is used as it is, "
            "and recordings that have only face_ict are left out: compare with scripts/face_ict_to_arkit.py"
        )
    text = f"ICT to ARKit: columns {best.unused} and {best.unused + 1} unused, pairs merged by {best.merge}"
    return best, f"{text}; 99 % of weights within {off:.4f} of face_arkit"


def fits(sentence: str) -> bool:
    """Whether `fit_conversion` found a conversion that may be used in face_arkit's stead."""
    return "no known conversion" not in sentence


def check_basis(path: Path, ict_model: Path, conversion: Conversion) -> str:
    """Compares the data set's shapes (blendshape_ict.npy) with the named ones of the ICT face model (face-ict)."""
    if not path.exists() or not ict_model.exists():
        return "names of the ICT columns: not checked (needs scripts' blendshape_ict.npy and the ICT face model)"
    basis = np.load(path, allow_pickle=False).astype(np.float32)
    basis = basis.T if basis.ndim == 2 and basis.shape[1] == ICT_55 else basis
    basis = basis.reshape(len(basis), -1)
    with np.load(ict_model) as file:
        delta, names = file["delta"].astype(np.float32), [str(n) for n in file["names"]]
    size = delta[0].size
    if len(basis) != ICT_55 or basis.shape[1] < size:
        move = "if it holds the neutral face too or other vertices, compare by hand"
        raise DatasetError("the ICT basis has another shape", path, list(basis.shape), f"[{ICT_55}, ≥ {size}]", move)
    own = np.delete(basis[:, :size], (conversion.unused, conversion.unused + 1), 0)
    flat = delta.reshape(len(delta), -1)
    alike = _rows(own) @ _rows(flat).T
    found = [names[k] for k in alike.argmax(1)]
    wrong = [f"{a} looks like {b}" for a, b in zip(ICT_53, found, strict=True) if a != b]
    if len(wrong) > 6:
        move = "the order of the columns is not the one assumed: correct ICT_53 in interact_face.py"
        raise DatasetError("the ICT columns are other shapes", path, "; ".join(wrong[:6]), "ICT-FaceKit's order", move)
    return f"names of the ICT columns: {len(ICT_53) - len(wrong)} of {len(ICT_53)} confirmed" + (
        f" ({'; '.join(wrong)})" if wrong else ""
    )


def _rows(array: np.ndarray) -> np.ndarray:
    return array / np.maximum(np.linalg.norm(array, axis=1, keepdims=True), 1e-9)


def doubts(face: np.ndarray, level_db: np.ndarray) -> list[str]:
    """What speaks against these columns being ARKit's in our order: face [n, 51], own level [n]; usually nothing."""
    column = {name: face[:, k].astype(np.float64) for k, name in enumerate(ARKIT_51)}

    def alike(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.corrcoef(a, b)[0, 1]) if a.std() > 1e-6 and b.std() > 1e-6 else float("nan")

    out = []
    lids = alike(column["eyeBlinkLeft"], column["eyeBlinkRight"])
    if not lids > 0.5:
        out.append(f"the lids do not close together (r {lids:.2f})")
    jaw = alike(column["jawOpen"], np.clip(level_db, -60, 0))
    if not jaw > 0.05:
        out.append(f"the jaw does not open with the voice (r {jaw:.2f})")
    return out
