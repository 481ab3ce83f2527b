"""Files of an artifact that are stored compressed: Zstandard (RFC 8878)."""

from __future__ import annotations

import sys

from skerry.runtime.errors import ManifestError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LEVEL = 9
"""Beyond it, models of trees hardly get smaller, and writing them takes seconds."""


def compress(content: bytes) -> bytes:
    return zstd.compress(content, LEVEL)


def decompress(content: bytes, size: int, *, where: str) -> bytes:
    """``content`` unpacked, which must be ``size`` bytes; one more is made of it at most.

    Raises:
        ManifestError: it is not one whole frame of Zstandard, or not of that size.
    """
    unpacker = zstd.ZstdDecompressor()
    try:
        found = unpacker.decompress(content, max_length=size + 1)
    except zstd.ZstdError as error:
        raise ManifestError(f"{where}: not Zstandard: {error}") from None
    if len(found) > size:
        raise ManifestError(f"{where}: expected {size:,} bytes when unpacked, got more")
    if not unpacker.eof:
        raise ManifestError(f"{where}: ends early, after {len(found):,} of {size:,} bytes")
    if len(found) != size:
        raise ManifestError(f"{where}: expected {size:,} bytes when unpacked, got {len(found):,}")
    if unpacker.unused_data:
        raise ManifestError(f"{where}: expected nothing behind its end, got {len(unpacker.unused_data):,} bytes")
    return found
