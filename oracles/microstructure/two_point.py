"""Two-point statistics of an image by FFT."""

from __future__ import annotations

import numpy as np
from scipy import fft

from .structure import Floats


def autocorrelation(image: Floats, *, periodic: bool) -> Floats:
    """Two-point autocorrelation S2(r) = mean of image(x) image(x + r), zero lag in the centre.

    ``image``: ``(ny, nx)`` or ``(nz, ny, nx)``, such as the share of a phase; the result has its shape. Entry
    ``n // 2`` along each axis is lag 0. A cut image is compared with itself over the overlap only, which is
    half the image or more per axis. Source: Torquato 2002, ch. 2 (definition); FFT form textbook.
    """
    shape = image.shape
    if periodic:
        spectrum = fft.rfftn(image)
        mean = fft.irfftn(np.abs(spectrum) ** 2, s=shape) / image.size
        return np.asarray(fft.fftshift(mean))
    padded = [fft.next_fast_len(n + n // 2, real=True) for n in shape]
    sums = fft.irfftn(np.abs(fft.rfftn(image, s=padded)) ** 2, s=padded)
    lags = [np.arange(n) - n // 2 for n in shape]
    overlaps = np.ix_(*(n - np.abs(lag) for n, lag in zip(shape, lags, strict=True)))
    return np.asarray(sums[np.ix_(*lags)] / np.prod(np.broadcast_arrays(*overlaps), axis=0))


def radial_average(correlation: Floats, *, pixel: float) -> tuple[Floats, Floats]:
    """Mean of a centred correlation over rings (shells) one pixel wide: distances in um, values.

    Each distance is the mean one of its ring. Rings reach as far as they are complete, to half the shortest
    side.
    """
    lags = np.meshgrid(*(np.arange(n) - n // 2 for n in correlation.shape), indexing="ij", sparse=True)
    distance = np.sqrt(sum(lag.astype(np.float64) ** 2 for lag in lags))
    ring = np.rint(distance).astype(np.intp).ravel()
    last = (min(correlation.shape) - 1) // 2
    counts = np.bincount(ring)[: last + 1]
    means = [np.bincount(ring, weights=of.ravel())[: last + 1] / counts for of in (distance, correlation)]
    return pixel * means[0], means[1]
