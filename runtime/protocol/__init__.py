"""One file per wire format: bytes → arrays, arrays → bytes. No I/O here, and no HTTP."""
