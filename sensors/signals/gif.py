"""Whether a GIF is all there: its blocks must lead to the mark of its end."""

_HEADER, _DESCRIPTOR = 13, 10
"""Bytes of what stands before the first colours, and of what stands before a picture's colours."""
_COLOURS = 0x80
_EXTENSION, _PICTURE = 0x21, 0x2C


def is_cut_off(data: bytes) -> bool:
    """Whether the bytes of a GIF stop before its end.

    A GIF does not say how many pictures it holds: only the mark of its end tells that there are no more. Bytes after
    that mark do not count, nor does what is damaged: where a block cannot be known, the answer is no.
    """
    if len(data) < _HEADER:
        return True
    at = _HEADER + _colours(data[10])
    while at < len(data):
        kind = data[at]
        if kind == _EXTENSION:
            at = _after_parts(data, at + 2)
        elif kind == _PICTURE:
            if at + _DESCRIPTOR > len(data):
                return True
            # One more byte says how the picture is packed.
            at = _after_parts(data, at + _DESCRIPTOR + _colours(data[at + _DESCRIPTOR - 1]) + 1)
        else:
            return False
    return True


def _colours(flags: int) -> int:
    """Bytes of the table of colours that these flags announce."""
    return 3 * 2 ** (1 + (flags & 7)) if flags & _COLOURS else 0


def _after_parts(data: bytes, at: int) -> int:
    """Where the next block begins, behind parts that begin with their length; an empty part is the last."""
    while at < len(data) and data[at]:
        at += 1 + data[at]
    return at + 1
