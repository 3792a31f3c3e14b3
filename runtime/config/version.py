"""The version of the program."""

import importlib.metadata


def version() -> str:
    """As it is installed; 'from source' where it is not."""
    try:
        return importlib.metadata.version("reciprocal")
    except importlib.metadata.PackageNotFoundError:
        return "from source"
