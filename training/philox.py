"""Counter-based normal numbers, the same bits in Python, TypeScript and WGSL.

Philox4x32-10 (Salmon et al. 2011) with key = (seed low, seed high) and counter = (channel, row, frame, step).
The eight 16-bit halves of its output are summed: an Irwin-Hall(8) normal, integer until one f32 multiplication.
"""

import numpy as np

SCALE = np.float32(1 / np.sqrt(8 * (65536**2 - 1) / 12))


def philox4x32(counter, key):
    """Ten rounds on counter uint32 [..., 4] with key uint32 [..., 2]; returns uint32 [..., 4]."""
    c = np.asarray(counter, dtype=np.uint32)
    k = np.asarray(key, dtype=np.uint32)
    c0, c1, c2, c3 = (c[..., i].astype(np.uint64) for i in range(4))
    k0, k1 = (k[..., i].astype(np.uint64) for i in range(2))
    low = np.uint64(0xFFFFFFFF)
    for _ in range(10):
        p0, p1 = c0 * np.uint64(0xD2511F53), c2 * np.uint64(0xCD9E8D57)
        c0, c1, c2, c3 = (p1 >> np.uint64(32)) ^ c1 ^ k0, p1 & low, (p0 >> np.uint64(32)) ^ c3 ^ k1, p0 & low
        k0, k1 = (k0 + np.uint64(0x9E3779B9)) & low, (k1 + np.uint64(0xBB67AE85)) & low
    return np.stack([c0, c1, c2, c3], -1).astype(np.uint32)


def normal_of(words):
    """The normal number f32 [...] of one Philox output uint32 [..., 4]."""
    w = np.asarray(words, dtype=np.uint32).astype(np.int64)
    total = ((w & 0xFFFF) + (w >> 16)).sum(-1)
    return (total - 262140).astype(np.float32) * SCALE


def normals(seed, channels, rows, frame, step):
    """Normal numbers f32 [rows, channels] of one frame and step under a seed of up to 64 bits."""
    counter = np.zeros((rows, channels, 4), np.uint32)
    counter[..., 0] = np.arange(channels)
    counter[..., 1] = np.arange(rows)[:, None]
    counter[..., 2] = frame
    counter[..., 3] = step
    return normal_of(philox4x32(counter, [seed & 0xFFFFFFFF, seed >> 32 & 0xFFFFFFFF]))
