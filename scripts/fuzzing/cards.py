"""Damage files as bytes, and edit single cards of FITS headers without correcting the rest."""

import gzip
from pathlib import Path

import numpy as np

CARD = 80
BLOCK = 2880
Rng = np.random.Generator


def headers(data: bytes) -> list[tuple[int, int]]:
    """Find where each header of a FITS file starts and ends, in bytes.

    Arguments:
        data: of the whole file, undamaged.
    """
    found = []
    for start in range(0, len(data), BLOCK):
        if not data[start : start + CARD].startswith((b"SIMPLE  =", b"XTENSION=")):
            continue
        end = data.index(b"END" + b" " * 77, start)
        found.append((start, start + (end - start) // BLOCK * BLOCK + BLOCK))
    return found


def card(key: str, value: object) -> bytes:
    """Write a card of 80 bytes; text is quoted, and bytes are the value as they stand."""
    if isinstance(value, bytes):
        text = value.decode()
    elif isinstance(value, str):
        text = f"'{value:8}'"
    elif isinstance(value, bool):
        text = "T" if value else "F"
    else:
        text = str(value).upper()
    return f"{key:8}= {text:>20}"[:CARD].ljust(CARD).encode()


def edit(path: Path, table: int, key: str, value: object, twice: bool = False) -> bool:
    """Replace a card of a header, remove it, or add it.

    Arguments:
        path: of the file, which is changed.
        table: number of the header, 0 for the first.
        key: of the card.
        value: of the card; None removes it.
        twice: keep the old card, and add one of another value.

    Returns: whether there was room for it.
    """
    data = bytearray(path.read_bytes())
    start, stop = headers(bytes(data))[table]
    places = range(start, stop, CARD)
    own = [at for at in places if data[at : at + 8] == f"{key:8}".encode()]
    end = next(at for at in places if data[at : at + CARD].rstrip() == b"END")
    line = b" " * CARD if value is None else card(key, value)
    if own and not twice:
        data[own[0] : own[0] + CARD] = line
    elif value is None or end + 2 * CARD > stop:
        return False
    else:
        data[end : end + 2 * CARD] = line + b"END".ljust(CARD)
    path.write_bytes(data)
    return True


def flip(rng: Rng, path: Path, low: int, high: int, number: int) -> str:
    """Flip one bit in each of several bytes between two places."""
    data = bytearray(path.read_bytes())
    for at in rng.integers(low, max(low + 1, high), number):
        data[at] ^= 1 << int(rng.integers(8))
    path.write_bytes(data)
    return f"{number} bits flipped in bytes {low} to {high} of {path.name}"


def flip_header(rng: Rng, path: Path) -> str:
    """Flip bits of a header."""
    start, stop = headers(path.read_bytes())[int(rng.integers(1, 3)) - 1]
    return flip(rng, path, start, stop, int(rng.integers(1, 9)))


def flip_table(rng: Rng, path: Path) -> str:
    """Flip bits of the first table."""
    found = headers(path.read_bytes())
    stop = found[2][0] if len(found) > 2 else path.stat().st_size
    return flip(rng, path, found[1][1], stop, int(10 ** rng.uniform(0, 3)))


def flip_last(rng: Rng, path: Path) -> str:
    """Flip bits of the last table."""
    return flip(rng, path, headers(path.read_bytes())[-1][1], path.stat().st_size, 4)


def flip_anywhere(rng: Rng, path: Path) -> str:
    """Flip bits anywhere."""
    return flip(rng, path, 0, path.stat().st_size, int(10 ** rng.uniform(0, 3)))


def truncate(rng: Rng, path: Path) -> str:
    """Cut the end of a file."""
    keep = int(path.stat().st_size * rng.uniform())
    path.write_bytes(path.read_bytes()[:keep])
    return f"{path.name} cut to {keep} bytes"


def truncate_block(rng: Rng, path: Path) -> str:
    """Cut whole blocks from the end of a file."""
    size = path.stat().st_size
    keep = size - BLOCK * int(rng.integers(1, 4))
    path.write_bytes(path.read_bytes()[: max(0, keep)])
    return f"{path.name} cut to {keep} bytes, whole blocks"


def pad(rng: Rng, path: Path) -> str:
    """Append zeros, noise or the file once more."""
    data = path.read_bytes()
    what = int(rng.integers(3))
    tail = (bytes(BLOCK * 3), rng.bytes(5000), data)[what]
    path.write_bytes(data + tail)
    return f"{path.name} followed by {('zeros', 'noise', 'itself')[what]}"


def erase(rng: Rng, path: Path) -> str:
    """Set a stretch of a file to zero, as a lost sector."""
    data = bytearray(path.read_bytes())
    start = int(rng.integers(len(data))) // 512 * 512
    length = 512 * int(rng.integers(1, 16))
    data[start : start + length] = bytes(len(data[start : start + length]))
    path.write_bytes(data)
    return f"{length} bytes from {start} of {path.name} set to zero"


def insert(rng: Rng, path: Path) -> str:
    """Insert bytes, so that all behind them is shifted."""
    data = path.read_bytes()
    at = int(rng.integers(len(data)))
    number = int(rng.integers(1, 40))
    path.write_bytes(data[:at] + rng.bytes(number) + data[at:])
    return f"{number} bytes inserted at {at} of {path.name}"


def zip_whole(rng: Rng, path: Path) -> str:
    """Compress a file under its old name."""
    path.write_bytes(gzip.compress(path.read_bytes(), mtime=0))
    return f"{path.name} gzipped under its name"


def zip_damaged(rng: Rng, path: Path) -> str:
    """Compress a file, then cut it or flip bits of it."""
    path.write_bytes(gzip.compress(path.read_bytes(), mtime=0))
    how = truncate if rng.uniform() < 0.5 else flip_anywhere
    return f"gzipped, {how(rng, path)}"


DAMAGES = (
    flip_header,
    flip_table,
    flip_last,
    flip_anywhere,
    truncate,
    truncate_block,
    pad,
    erase,
    insert,
    zip_whole,
    zip_damaged,
)
"""Ways to damage the bytes of any FITS file."""
