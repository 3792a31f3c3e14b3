"""Fixtures that every room's tests share."""

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.groups import group_of

# Threads of one computation that wait for each other give up their core. Where anybody else uses it, those that spin
# make a step take four times the processor time, and as much longer. Read when torch is loaded, here and in children.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# A shell that starts tests in the background has them ignore Ctrl-C, and all that they start: nothing would end by it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Under `nohup` all that the tests start would ignore a closed terminal. A handler is not inherited, unlike SIG_IGN.
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda number, frame: None)

# How long examples take to make says how busy the machine is. The examples are the same at each run.
settings.register_profile("patient", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

ROOT = Path(__file__).parents[1]
WORKERS = 3
"""Processes that share the quick tests: one begins with the tests that start Ray, the others with all others. They are
more than the two cores for which the suite is made, because tests of sensors, links and robots mostly wait for time."""


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Have several processes run the quick tests, where all of them are asked for and `-n` does not say otherwise.

    Slow tests, tests that the command line chooses, and those that are debugged are run by this process.
    """
    option = config.option
    if not config.pluginmanager.hasplugin("xdist") or hasattr(config, "workerinput"):
        return
    whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    chosen = option.markexpr != "not slow" or option.keyword
    debugged = option.usepdb or option.capture == "no"
    if whole and not chosen and not debugged and option.numprocesses is None:
        option.numprocesses, option.dist = WORKERS, "loadgroup"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep tests in one process where that matters, whatever pytest's ids of tests look like.

    pytest-xdist 3.8 passes over its own `xdist_group` with pytest 9.2 (pytest-xdist issue 1386).
    """
    if config.getoption("dist") != "loadgroup":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class ByGroup(LoadScopeScheduling):  # type: ignore[misc]  # pytest-xdist has no types
        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid)

    return ByGroup(config, log)


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    """Sums are the same, and take as long, whichever test is the first to ask for one thread."""
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)


@pytest.fixture
def forms() -> Iterator[Callable[..., None]]:
    """Changes settings of senses, as in `forms(image={"size": 64})`; afterwards they are the defaults again."""
    from sensors.senses import configure

    def change(**values: dict[str, Any]) -> None:
        configure(values)

    yield change
    configure({})


@pytest.fixture
def plugins_undone(forms: Callable[..., None]) -> Iterator[Callable[[], None]]:
    """Plugins may be loaded here; afterwards, or when this is called, nothing of them is registered any more."""
    from agent.algorithms import contract as algorithms
    from agent.networks.layouts import contract as layouts
    from sensors import plugins
    from sensors.core import modalities, registrations
    from sensors.senses import contract, senses
    from teacher.subjects import contract as subjects

    senses()
    kept: list[tuple[Any, Any]] = [
        (registry, registry.copy())
        for registry in (
            modalities._REGISTRY,
            contract._SENSES,
            subjects._REGISTRY,
            algorithms._DECLARED,
            layouts._LAYOUTS,
            plugins._loaded,
            registrations.NOTES,
        )
    ]
    modules = set(sys.modules)

    def undo() -> None:
        for registry, before in kept:
            registry.clear()
            registry.extend(before) if isinstance(registry, list) else registry.update(before)
        for name in set(sys.modules) - modules:
            if name.startswith(plugins._PREFIX) or name.startswith("tactile_"):
                del sys.modules[name]
        forms()

    yield undo
    undo()


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real datasets; tests that need it are skipped where there is none."""
    folder = os.environ.get("RECIPROCAL_DATA")
    if not folder:
        pytest.skip("RECIPROCAL_DATA is not set: no real datasets here")
    if not Path(folder).is_dir():
        pytest.fail(f"RECIPROCAL_DATA={folder}: no such folder")
    return Path(folder)


@pytest.fixture(scope="session")
def ray_session() -> Iterator[None]:
    """One small Ray cluster for all tests that need one; it never touches a cluster that runs already."""
    # Socket paths must stay under 107 characters, which pytest's own folders would not leave room for.
    folder = tempfile.mkdtemp(prefix="rcp", dir="/tmp")
    settings = {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
    }
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    import ray

    ray.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        object_store_memory=200_000_000,
        _temp_dir=folder,
    )
    yield
    ray.shutdown()
    for name, value in before.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value
    shutil.rmtree(folder, ignore_errors=True)
