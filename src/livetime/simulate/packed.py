"""Open packed files, up to a limit of what they unpack to."""

import bz2
import gzip
import io
import lzma
import zlib
from pathlib import Path
from typing import Any, BinaryIO

from livetime.errors import UserError
from livetime.processes import MEMORY

MAX_UNPACKED = 2**30
"""Bytes to which any packed file may unpack."""
MAX_RATIO = 20
"""Times its size to which a larger packed file may unpack; events unpack to 2 to 10 times."""
_PACKED = {b"\x1f\x8b": gzip.open, b"BZ": bz2.open, b"\xfd7": lzma.open}
"""First bytes of a packed file -> what unpacks it."""


def unpacked(path: Path) -> BinaryIO:
    """Open a file's bytes, unpacked if they are packed by gzip, bzip2 or xz.

    Astropy takes the end of a cut gzip file for the end of the FITS file, without a word.

    Arguments:
        path: of a plain file.

    Raises:
        UserError: for a ZIP archive, a damaged file, and one that unpacks to more than
            `unpacked_limit`.
    """
    stream = path.open("rb")
    start = stream.read(2)
    if start in _PACKED:
        stream.close()
        return _unpack(path, _PACKED[start])
    if start in (b"PK", b"\x1f\x9d"):
        stream.close()
        raise UserError(str(path), "is packed by zip or compress", "unpack it, and give the file")
    stream.seek(0)
    return stream


def unpacked_limit(packed: int) -> int:
    """Give the most bytes to which a file of so many may unpack.

    Examples:
        >>> unpacked_limit(1000) == min(2**30, MEMORY // 4)
        True
    """
    return min(max(MAX_UNPACKED, MAX_RATIO * packed), MEMORY // 4)


def _unpack(path: Path, open_packed: Any) -> BinaryIO:
    """Unpack a file in pieces, and stop where it becomes too large."""
    limit = unpacked_limit(path.stat().st_size)
    data = io.BytesIO()
    try:
        with open_packed(path) as packed:
            while piece := packed.read(2**20):
                data.write(piece)
                if data.tell() > limit:
                    break
    except EOFError:
        problem = "is truncated: its end is missing or damaged"
        raise UserError(str(path), problem, "copy or download it again") from None
    except (gzip.BadGzipFile, zlib.error, lzma.LZMAError, ValueError) as error:
        problem = f"is damaged: it cannot be unpacked ({error})"
        raise UserError(str(path), problem, "copy or download it again") from None
    if data.tell() > limit:
        raise UserError(
            str(path),
            f"unpacks to more than {limit / 2**30:.3g} GiB, the limit for its size",
            "unpack it, check what it contains, and cut it into pieces",
        )
    data.seek(0)
    return data
