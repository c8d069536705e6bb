"""What every phone asks of the lips: targets and strengths of the articulators, the poses of closures; weights 0..1."""

from __future__ import annotations

import numpy as np

ARTICULATORS = (
    "jaw pucker funnel stretch dimple smile lowerDown upperUp rollLower rollUpper shrugLower shrugUpper press forward"
).split()
"""What the dominance model moves; `lips.channels_of` turns it into ARKit channels."""

INDEX = {name: i for i, name in enumerate(ARTICULATORS)}

GROUP = {
    "jaw": "jaw forward",
    "round": "pucker funnel",
    "spread": "stretch dimple smile",
    "lips": "lowerDown upperUp rollLower rollUpper shrugLower shrugUpper press",
}
GROUPS = tuple(GROUP)
GROUP_OF = np.array([[name in GROUP[g].split() for g in GROUPS].index(True) for name in ARTICULATORS])
"""Index of the group of every articulator [A]; articulators of a group share the strength of their phones."""

# Targets: duration share : articulator=value ... ; j/r/s/l = strength (alpha) of the groups jaw, round, spread, lips.
# Lip shapes follow the viseme descriptions of Edwards et al. 2016 (JALI). The jaw's targets and strengths are a least
# squares fit to the tracked faces of face-grid-s1 (training clips), divided by lips.TRACKED_JAW, drawn towards JALI's
# where that talker's few words say little, and narrowed for sibilants and plosives, whose teeth stay close.
_TARGETS = """
AA 1.0: jaw=.64 funnel=.06 lowerDown=.12 upperUp=.06 j=1.2 r=.6 s=.5 l=.6
AE 1.0: jaw=.53 stretch=.16 smile=.05 lowerDown=.20 upperUp=.13 j=.9 r=.8 s=.9 l=.7
AH 1.0: jaw=.47 lowerDown=.10 upperUp=.05 j=.8 r=.4 s=.35 l=.5
AO 1.0: jaw=.52 pucker=.20 funnel=.34 lowerDown=.12 upperUp=.06 j=1.2 r=1.1 s=.8 l=.6
AW 0.5: jaw=.65 funnel=.08 lowerDown=.14 upperUp=.07 j=1.0 r=.6 s=.5 l=.6
AW 0.5: jaw=.10 pucker=.50 funnel=.28 j=1.2 r=1.2 s=.8 l=.5
AY 0.55: jaw=.65 lowerDown=.14 upperUp=.08 j=1.1 r=.6 s=.4 l=.6
AY 0.45: jaw=.38 stretch=.16 smile=.07 lowerDown=.14 upperUp=.08 j=.8 r=.7 s=.8 l=.5
EH 1.0: jaw=.60 stretch=.13 smile=.03 lowerDown=.17 upperUp=.10 j=1.0 r=.8 s=.8 l=.6
ER 1.0: jaw=.24 pucker=.22 funnel=.22 lowerDown=.08 upperUp=.04 j=.9 r=.9 s=.7 l=.5
EY 0.5: jaw=.56 stretch=.12 smile=.03 lowerDown=.16 upperUp=.09 j=1.0 r=.8 s=.8 l=.6
EY 0.5: jaw=.54 stretch=.20 smile=.08 lowerDown=.13 upperUp=.07 j=.9 r=.8 s=.9 l=.5
IH 1.0: jaw=.39 stretch=.10 smile=.02 lowerDown=.14 upperUp=.07 j=.8 r=.6 s=.6 l=.5
IY 1.0: jaw=.42 stretch=.26 dimple=.08 smile=.12 lowerDown=.15 upperUp=.08 j=.8 r=1.0 s=1.2 l=.6
OW 0.5: jaw=.43 pucker=.30 funnel=.34 lowerDown=.06 j=1.0 r=1.1 s=.9 l=.5
OW 0.5: jaw=.27 pucker=.62 funnel=.22 j=.8 r=1.3 s=.9 l=.5
OY 0.5: jaw=.50 pucker=.26 funnel=.34 lowerDown=.08 j=1.1 r=1.1 s=.8 l=.5
OY 0.5: jaw=.22 stretch=.14 smile=.05 lowerDown=.12 upperUp=.06 j=.8 r=.8 s=.8 l=.5
UH 1.0: jaw=.30 pucker=.28 funnel=.26 lowerDown=.06 j=.8 r=.9 s=.7 l=.5
UW 1.0: jaw=.18 pucker=.72 funnel=.26 j=1.2 r=1.4 s=1.0 l=.6
W 1.0: jaw=.18 pucker=.85 funnel=.12 j=.9 r=2.0 s=1.0 l=.8
Y 1.0: jaw=.25 stretch=.18 smile=.06 lowerDown=.12 upperUp=.06 j=.7 r=.4 s=.8 l=.5
R 1.0: jaw=.14 pucker=.34 funnel=.24 lowerDown=.08 upperUp=.05 j=.7 r=1.0 s=.6 l=.4
L 1.0: jaw=.30 stretch=.04 lowerDown=.12 upperUp=.06 j=.7 r=.15 s=.2 l=.4
T 1.0: jaw=.24 stretch=.04 lowerDown=.13 upperUp=.07 j=.4 r=.12 s=.2 l=.4
D 1.0: jaw=.18 stretch=.04 lowerDown=.13 upperUp=.07 j=.5 r=.12 s=.2 l=.4
N 1.0: jaw=.14 stretch=.03 lowerDown=.12 upperUp=.06 j=.25 r=.12 s=.2 l=.35
S 1.0: jaw=.17 stretch=.13 smile=.03 lowerDown=.20 upperUp=.13 j=.4 r=.35 s=.5 l=.9
Z 1.0: jaw=.15 stretch=.12 smile=.03 lowerDown=.19 upperUp=.12 j=.4 r=.35 s=.5 l=.9
SH 1.0: jaw=.09 pucker=.22 funnel=.52 lowerDown=.10 upperUp=.10 forward=.18 j=1.1 r=1.4 s=.8 l=.8
ZH 1.0: jaw=.10 pucker=.22 funnel=.48 lowerDown=.10 upperUp=.10 forward=.16 j=1.0 r=1.3 s=.8 l=.8
CH 1.0: jaw=.17 pucker=.22 funnel=.48 lowerDown=.10 upperUp=.10 forward=.16 j=1.0 r=1.3 s=.8 l=.8
JH 1.0: jaw=.15 pucker=.20 funnel=.44 lowerDown=.10 upperUp=.10 forward=.14 j=.9 r=1.2 s=.8 l=.8
TH 1.0: jaw=.10 stretch=.03 lowerDown=.17 upperUp=.08 j=1.0 r=.25 s=.3 l=.7
DH 1.0: jaw=.10 stretch=.03 lowerDown=.15 upperUp=.07 j=1.1 r=.2 s=.25 l=.5
K 1.0: jaw=.36 lowerDown=.09 upperUp=.05 j=.5 r=.1 s=.15 l=.3
G 1.0: jaw=.17 lowerDown=.09 upperUp=.05 j=.4 r=.1 s=.15 l=.3
NG 1.0: jaw=.22 lowerDown=.09 upperUp=.05 j=.45 r=.1 s=.15 l=.3
HH 1.0: jaw=.30 lowerDown=.06 upperUp=.03 j=.25 r=.08 s=.1 l=.2
F 1.0: jaw=.07 upperUp=.10 rollLower=.20 j=1.3 r=.3 s=.3 l=1.2
V 1.0: jaw=.07 upperUp=.10 rollLower=.18 j=1.2 r=.3 s=.3 l=1.1
P 1.0: jaw=.09 j=.9 r=.15 s=.15 l=.9
B 1.0: jaw=.15 j=1.6 r=.15 s=.15 l=.9
M 1.0: jaw=.10 j=.9 r=.15 s=.15 l=.9
SIL 1.0: jaw=.04 j=.6 r=.25 s=.4 l=.4
"""

# Poses that the gates force. mouthClose comes on top in the amount that shuts the lips over the remaining jaw.
CLOSED = {
    "P": {"press": 0.34, "rollLower": 0.10, "rollUpper": 0.08},
    "B": {"press": 0.30, "rollLower": 0.10, "rollUpper": 0.08},
    "M": {"press": 0.24, "rollLower": 0.13, "rollUpper": 0.11},
}
TEETH = {"rollLower": 0.42, "upperUp": 0.20, "shrugLower": 0.06}


def _parse_targets() -> tuple[dict, np.ndarray, np.ndarray]:
    parts: dict[str, list[tuple[float, int]]] = {}
    targets, strengths = [], []
    for line in _TARGETS.strip().splitlines():
        head, body = line.split(":")
        phone, share = head.split()
        target, strength = np.zeros(len(ARTICULATORS)), np.zeros(len(GROUPS))
        for item in body.split():
            name, value = item.split("=")
            if name in "jrsl":
                strength["jrsl".index(name)] = float(value)
            else:
                target[INDEX[name]] = float(value)
        parts.setdefault(phone, []).append((float(share), len(targets)))
        targets.append(target)
        strengths.append(strength)
    return parts, np.array(targets), np.array(strengths)


PARTS, TARGETS, STRENGTHS = _parse_targets()
"""Per phone its parts as (share of the duration, row); rows of targets [rows, A] and strengths [rows, groups]."""
