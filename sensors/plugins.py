"""Plugins: files and installed packages that register senses, subjects, algorithms or layouts.

A plugin is a Python file that registers its parts when it is run as a module. `--plugin FILE.py` names one. An
installed package names its module in the entry-point group `reciprocal.senses`. Plugins are loaded before settings are
read, as a sense may bring settings of its own. Actors, which may run on other machines, are sent the files' text.
"""

import importlib.metadata
import os
import re
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from sensors.errors import ConfigError, UserError
from sensors.files import open_regular
from sensors.paths import place
from sensors.places import check_link
from sensors.registrations import NOTES
from sensors.senses import configure, configured

GROUP = "reciprocal.senses"
"""Entry points of installed plugins."""
LARGEST = 1 << 20
"""Most bytes of a plugin's file."""
SEPARATOR = os.pathsep
"""Between the files in the setting that a run keeps."""
_PREFIX = "reciprocal_plugin_"


@dataclass(frozen=True)
class Plugin:
    """One plugin that this process has loaded.

    Attributes:
        name: the file's name without '.py', or that of the entry point.
        source: the file's path, or what the entry point names: 'package.module'.
        text: what the file holds; none for an entry point.
        parts: what it registered, such as 'sense touch'.
    """

    name: str
    source: str
    text: str | None
    parts: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"plugin {self.name}: {', '.join(self.parts)}"


_loaded: dict[str, Plugin] = {}


def plugins() -> list[Plugin]:
    """The plugins that this process has loaded, in their order."""
    return list(_loaded.values())


def given_plugins(arguments: Sequence[str]) -> list[str]:
    """The files that a command line names with `--plugin`; read before anything else is, as plugins bring settings."""
    return _values(arguments, "--plugin")


def option_of(arguments: Sequence[str], option: str) -> str | None:
    """The last value that a command line gives an option; none where it gives none."""
    return next(iter(_values(arguments, option)[::-1]), None)


def _values(arguments: Sequence[str], option: str) -> list[str]:
    found, rest = [], list(arguments)
    while rest:
        word = rest.pop(0)
        if word == option and rest:
            found.append(rest.pop(0))
        elif word.startswith(f"{option}="):
            found.append(word.partition("=")[2])
    return found


def load_plugins(files: Sequence[str | Path], missing: str = "check the path") -> list[Path]:
    """Load installed plugins and these files; those that are loaded already are left as they are.

    Args:
        files: as the user named them.
        missing: what helps where a file is not there, for the message.

    Returns:
        The files' absolute paths.

    Raises:
        UserError: one cannot be read or run, registers nothing, or takes a taken name; says which, where and the fix.
    """
    for entry in importlib.metadata.entry_points(group=GROUP):
        _load(Plugin(entry.name, entry.value, None))
    paths = []
    for file in files:
        check_link("--plugin", file)
        path = place(file, "--plugin")
        if SEPARATOR in str(path):
            raise ConfigError(f"--plugin {path}: the path holds '{SEPARATOR}';\nrename the folder or the file")
        _load(Plugin(path.stem, str(path), _read(path, missing)))
        paths.append(path)
    return paths


def process_setup() -> dict[str, Any]:
    """What another process needs to know the same senses: plugins with their text, and settings; plain values."""
    return {"plugins": [asdict(each) for each in plugins()], "senses": configured()}


def apply_setup(setup: Mapping[str, Any]) -> None:
    """Load the plugins and apply the settings of the process that `process_setup` was called in.

    Raises:
        UserError: a plugin cannot be loaded here; a package may be missing on this machine.
    """
    for each in setup["plugins"]:
        _load(Plugin(each["name"], each["source"], each["text"]))
    configure(setup["senses"])


def _read(path: Path, missing: str) -> str:
    try:
        if path.is_dir():
            raise ConfigError(f"--plugin {path}: is a directory;\nname the Python file in it")
        if not path.exists():
            raise ConfigError(f"--plugin {path}: no such file;\n{missing}")
        with open_regular(path) as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise ConfigError(f"--plugin {path}: cannot be read ({error.strerror});\nmake it readable") from None
    if len(data) > LARGEST:
        raise ConfigError(f"--plugin {path}: larger than {LARGEST >> 20} MiB;\nname a Python file")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"--plugin {path}: is no text in UTF-8;\nname a Python file") from None


def _load(plugin: Plugin) -> None:
    before = _loaded.get(plugin.name)
    if before is not None:
        if (before.source, before.text) == (plugin.source, plugin.text):
            return
        if before.source == plugin.source:
            raise UserError(f"{_called(plugin)}: has changed since it was loaded;\nstart the program again")
        raise UserError(f"{_called(plugin)}: {before.source} is a plugin of the same name;\nrename one of the files")
    noted = len(NOTES)
    if plugin.text is None:
        _import(plugin)
        parts = NOTES[noted:]
    else:
        _execute(plugin, plugin.text)
        parts = [each for each in NOTES[noted:] if each.file == plugin.source]
    if not parts:
        sys.modules.pop(_module_name(plugin), None)
        raise UserError(
            f"{_called(plugin)}: registers nothing;\n"
            "call register_sense, register_subject, register_algorithm or register_layout in it"
        )
    _loaded[plugin.name] = Plugin(plugin.name, plugin.source, plugin.text, tuple(f"{p.what} {p.name}" for p in parts))


def _import(plugin: Plugin) -> None:
    """Import the module of an installed plugin."""
    try:
        importlib.metadata.EntryPoint(plugin.name, plugin.source, GROUP).load()
    except (Exception, SystemExit) as error:
        raise UserError(f"{_called(plugin)}: {_cause(error)};\nmend or uninstall the package") from error


def _execute(plugin: Plugin, text: str) -> None:
    """Run the text of a plugin's file as a module."""
    module = ModuleType(_module_name(plugin))
    module.__file__ = plugin.source
    # Dataclasses and pickles look their module up by its name.
    sys.modules[module.__name__] = module
    try:
        exec(compile(text, plugin.source, "exec"), module.__dict__)
    except SyntaxError as error:
        del sys.modules[module.__name__]
        line = f", line {error.lineno}" if error.filename == plugin.source else ""
        raise UserError(f"{_called(plugin)}{line}: {error.msg};\nmend the file") from error
    except (Exception, SystemExit) as error:
        del sys.modules[module.__name__]
        own = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == plugin.source]
        line = f", line {own[-1].lineno}" if own else ""
        raise UserError(f"{_called(plugin)}{line}: {_cause(error)};\nmend the file") from error


def _module_name(plugin: Plugin) -> str:
    return _PREFIX + re.sub(r"\W", "_", plugin.name)


def _called(plugin: Plugin) -> str:
    return f"installed plugin {plugin.name} ({plugin.source})" if plugin.text is None else f"--plugin {plugin.source}"


def _cause(error: BaseException) -> str:
    """An error in one line: its own words where it was made for people, else with its class."""
    words = " ".join(str(error).split())
    return (
        words
        if isinstance(error, (UserError, ValueError)) and words
        else f"{type(error).__name__}: {words}".rstrip(": ")
    )
