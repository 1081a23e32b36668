"""Fits that a comparison keeps are read again with the same bits, or the damaged file is named."""

import io
import os
from contextlib import redirect_stderr
from types import SimpleNamespace

import numpy as np
import pytest
from refusals import refusal

from livetime.check.kept_fits import BLOCK, QUANTILES, KeptFits
from livetime.progress import progress

N = BLOCK + 10
FITTED = np.random.default_rng(1).normal(size=(N, len(QUANTILES), 2))
RUN = SimpleNamespace(config={})


@pytest.fixture
def kept(tmp_path):
    """Fits of one reference in two blocks, three of which did not converge."""
    kept = KeptFits(tmp_path / "references" / "key", N, seed=1)
    with redirect_stderr(io.StringIO()), progress("fits", N, "fits") as bar:
        for block in kept.blocks():
            rows = [(FITTED[i], i < 3) for i in range(block.start, block.stop)]
            kept._save("naive", block, iter(rows), bar)
    return kept


def test_what_was_fitted_is_read_again_and_not_fitted_again(kept):
    kept.fit(RUN, np.zeros((N, 4)), ["naive"], 1)
    np.testing.assert_array_equal(kept.load("naive"), FITTED)
    assert len(list(kept.folder.iterdir())) == 2


def flipped(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


DAMAGES = {
    "flipped": flipped,
    "cut": lambda path: path.write_bytes(path.read_bytes()[:300]),
    "empty": lambda path: path.write_bytes(b""),
    "a pipe": lambda path: (path.unlink(), os.mkfifo(path)),
    "without keys": lambda path: np.savez(path, other=np.zeros(3)),
    "of another size": lambda path: np.savez(path, quantiles=FITTED[:3], lost=np.zeros(3)),
    "no numbers": lambda path: np.savez(path, quantiles=FITTED[:BLOCK] * np.nan, lost=np.zeros(3)),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_block_is_named_before_anything_is_fitted(kept, damage):
    path = kept.path("naive", kept.blocks()[0])
    damage(path)
    assert str(path) in refusal(kept.fit, RUN, np.zeros((N, 4)), ["naive"], 1)
