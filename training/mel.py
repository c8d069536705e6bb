"""Log-mel rows of 16 kHz sound, 60 a second: the batch twin of src/engine/audio's streaming log-mel."""

import numpy as np

SAMPLE_RATE_HZ = 16000
ROW_RATE_HZ = 60
FRAME_RATE_HZ = 30
WINDOW = 400
FFT = 512
BANDS = 80
FLOOR = 1e-10
SILENT_ROW = np.float32((np.log(FLOOR) + 10) / 5)


def row_end(row):
    """The first sample that row `row` does not see: floor(row * 16000 / 60 + 1/2)."""
    return (np.asarray(row) * SAMPLE_RATE_HZ * 2 + ROW_RATE_HZ) // (2 * ROW_RATE_HZ)


def mel_filters(warp=1.0):
    """Slaney mel filters [80, 257] over 0..8000 Hz with unit area per band (librosa's norm='slaney').

    With a warp above 1 the bands look at frequencies that much higher, as if the vocal tract were longer; above
    4800 Hz the warp fades out, so that 8000 Hz stays where it is.
    """

    def hz_to_mel(hz):
        return np.where(hz < 1000, hz * 3 / 200, 15 + 27 * np.log(np.maximum(hz, 1) / 1000) / np.log(6.4))

    def mel_to_hz(mel):
        return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((mel - 15) * np.log(6.4) / 27))

    edges = mel_to_hz(np.linspace(0.0, hz_to_mel(np.array(8000.0)), BANDS + 2))
    if warp != 1:
        knee = 4800 * min(1, 1 / warp)
        edges = np.where(edges < knee, edges * warp, 8000 - (8000 - knee * warp) * (8000 - edges) / (8000 - knee))
    bins = np.arange(FFT // 2 + 1) * SAMPLE_RATE_HZ / FFT
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    area = 2 / (edges[2:] - edges[:-2])
    return np.maximum(0, np.minimum(rising, falling)) * area[:, None]


HANN = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
FILTERS = mel_filters()


def log_mel(samples, rows=None, dtype=np.float64, filters=FILTERS):
    """Rows [rows, 80] f32 of samples [N] (±1.0); by default every row whose window is complete. f64 inside."""
    samples = np.asarray(samples, dtype=dtype)
    if rows is None:
        rows = len(samples) * ROW_RATE_HZ // SAMPLE_RATE_HZ + 2
        rows -= int(np.sum(row_end(np.arange(rows - 3, rows)) > len(samples)))
    ends = row_end(np.arange(rows))
    tail = max(0, int(ends[-1]) - len(samples)) if rows else 0
    padded = np.concatenate([np.zeros(WINDOW, dtype), samples, np.zeros(tail, dtype)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[ends] * HANN.astype(dtype)
    spectrum = np.fft.rfft(windows, FFT)
    power = spectrum.real**2 + spectrum.imag**2
    mel = power @ filters.T.astype(dtype)
    return ((np.log(np.maximum(mel, FLOOR)) + 10) / 5).astype(np.float32)


def tick_rows(samples, ticks=None, dtype=np.float64, filters=FILTERS):
    """Rows [ticks, 2, 80] in the order the encoder eats them: tick n takes rows 2n-1 and 2n, row -1 is silence."""
    if ticks is None:
        ticks = (len(samples) * 3 + SAMPLE_RATE_HZ // 10 - 1) // (SAMPLE_RATE_HZ // 10) + 1
        while ticks and row_end(2 * (ticks - 1)) > len(samples):
            ticks -= 1
    rows = log_mel(samples, max(2 * ticks - 1, 0), dtype, filters)
    silent = np.full((1, BANDS), SILENT_ROW, np.float32)
    return np.concatenate([silent, rows])[: 2 * ticks].reshape(ticks, 2, BANDS)
