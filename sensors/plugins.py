"""Plugins: files and installed packages that register senses, subjects, algorithms or layouts.

A plugin is a Python file that registers its parts when it is run as a module. `--plugin FILE.py` names one. An
installed package names its module in the entry-point group `reciprocal.senses`. Plugins are loaded before settings are
read, as a sense may bring settings of its own. Actors, which may run on other machines, are sent the files' text.
"""

import hashlib
import importlib.metadata
import os
import platform
import re
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from sensors.core.errors import ConfigError, UserError
from sensors.core.registrations import NOTES, Registration
from sensors.senses import configure, configured
from sensors.system.files import open_regular
from sensors.system.moved import instead_of
from sensors.system.paths import place
from sensors.system.places import check_link
from sensors.system.rooms import ROOMS

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
        sha256: hash of the text of the file, or of the installed module's file; empty where that cannot be read.
    """

    name: str
    source: str
    text: str | None
    parts: tuple[str, ...] = ()
    sha256: str = ""

    @property
    def called(self) -> str:
        """Its name for people: that of the file, or of the entry point."""
        return self.name if self.text is None else Path(self.source).name

    def __str__(self) -> str:
        return f"plugin {self.name}: {', '.join(self.parts)}"


_loaded: dict[str, Plugin] = {}


def plugins() -> list[Plugin]:
    """The plugins that this process has loaded, in their order."""
    return list(_loaded.values())


def replaced(saved: Sequence[str], given: Sequence[str]) -> list[str]:
    """The files of a run's plugins, in the order of the run, with those that are given.

    A given file takes the place of the saved one of the same name, as it may have been moved. Others come last. The
    order decides the order of senses, and so the names of tables.
    """
    rest, files = list(given), []
    for file in saved:
        moved = next((each for each in rest if Path(each).name == Path(file).name), None)
        if moved is not None:
            rest.remove(moved)
        files.append(file if moved is None else moved)
    return files + rest


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
    # By name, as the order in which they are found is that of the folders on the path.
    for entry in sorted(importlib.metadata.entry_points(group=GROUP), key=lambda entry: entry.name):
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
        UserError: a plugin cannot be loaded here, though it was there: names this machine, as what the plugin imports
            may be missing on it.
    """
    for each in setup["plugins"]:
        try:
            _load(Plugin(each["name"], each["source"], each["text"]))
        except UserError as error:
            here, (cause, *_) = platform.node() or "this machine", str(error).split(";\n")
            raise UserError(
                f"on {here}: {cause};\nit was loaded where the run was started: install on {here} what it needs, too"
            ) from error
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
    else:
        _execute(plugin, plugin.text)
    parts = _parts(plugin, NOTES[noted:])
    if not parts:
        sys.modules.pop(_module_name(plugin), None)
        raise UserError(
            f"{_called(plugin)}: registers nothing;\n"
            "call register_sense, register_subject, register_algorithm or register_layout in it"
        )
    told = tuple(f"{part.what} {part.name}" for part in parts)
    _loaded[plugin.name] = replace(plugin, parts=told, sha256=_hash(plugin))


def _parts(plugin: Plugin, new: Sequence[Registration]) -> list[Registration]:
    """What a plugin has registered.

    Args:
        plugin: it is loaded by now.
        new: all that was registered while it was loaded, with the parts of rooms that it was the first to import.
    """
    if plugin.text is not None:
        return [part for part in new if part.module == _module_name(plugin) or not _known_module(part.module)]
    own = _module_of(plugin.source)
    others = {_module_of(entry.value) for entry in importlib.metadata.entry_points(group=GROUP)} - {own}

    def of_own(module: str) -> bool:
        return _under(module, own) or not (_known_module(module) or any(_under(module, other) for other in others))

    # Another installed plugin may have imported this one's package before, which registered its parts then.
    package = own.partition(".")[0]
    earlier = [part for part in NOTES if part not in new and _under(part.module, package)]
    return [part for part in (*earlier, *new) if of_own(part.module)]


def _known_module(name: str) -> bool:
    """Whether a module is one of the program's own or another plugin's file."""
    return name.partition(".")[0] in ROOMS or name.startswith(_PREFIX)


def _under(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def _module_of(value: str) -> str:
    """The module that an entry point names: 'package.module' of 'package.module:object'."""
    return value.partition(":")[0].strip()


def _hash(plugin: Plugin) -> str:
    if plugin.text is not None:
        return hashlib.sha256(plugin.text.encode()).hexdigest()
    try:
        return hashlib.sha256(Path(sys.modules[_module_of(plugin.source)].__file__ or "").read_bytes()).hexdigest()
    except (OSError, KeyError, AttributeError):
        return ""


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
    if isinstance(error, ImportError) and (instead := instead_of(error)):
        return instead
    words = " ".join(str(error).split())
    return (
        words
        if isinstance(error, (UserError, ValueError)) and words
        else f"{type(error).__name__}: {words}".rstrip(": ")
    )
