"""Errors that a user can correct: one or two lines that name the thing and the fix, never a traceback."""


class UserError(Exception):
    """Something the user gave is wrong; `launch.py` prints the message and exits with code 2."""


class ConfigError(UserError):
    """A setting is unknown, of the wrong type or out of range."""


class DataError(UserError):
    """A dataset file is missing, damaged or of another kind than its place says."""


class SampleError(DataError):
    """A file that no sample can be made of.

    Attributes:
        reason: why in a few words and without the file's name, so that files can be counted by it.
    """

    def __init__(self, message: str, reason: str = "cannot be read") -> None:
        super().__init__(message)
        self.reason = reason


class EventError(UserError):
    """An event breaks its modality's contract; the message names the field."""


class WireError(EventError):
    """Bytes that are no event batch, or one larger than the receiver's cap.

    Attributes:
        reason: word by which a host counts it.
    """

    reason = "damaged"


class UnknownSenseError(WireError):
    """An event batch of a sense that is not registered here."""

    reason = "sense"


class OtherFormError(WireError):
    """An event batch whose samples have another form than those of the same sense have here."""

    reason = "form"


class StateError(UserError):
    """A saved state lacks a key, has one too many, or is of another version."""


class DamageError(StateError):
    """A saved state is not what was written: a part is missing, unknown, torn or changed."""


class StorageError(UserError):
    """A directory or file of a run cannot be written, read, or is in use by another run."""


class NoRoomError(StorageError):
    """The disk is full; what was to be written can be tried again when there is room."""


class TransferError(UserError):
    """A network or an embedding is asked for what it cannot give: unfitted, or a layer, label or size it has not."""


class SourceError(UserError):
    """A microphone, camera or recording cannot be opened; the message says what was looked for and the fix."""


class LinkError(UserError):
    """An address, a key or a name on which a robot and its host cannot agree."""
