"""One run from the command line to the exit code."""

import contextlib
import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.learned.saved_config import FORMAT
from agent.learned.saved_parts import check_forms, check_installed
from page.access.certificate import check_page
from replay.stored import last_generation
from runtime.command.cli import Request
from runtime.command.environment import prepare_environment
from runtime.command.signals import StopSignals
from runtime.config.learning import learning
from runtime.config.settings import RunConfig
from runtime.config.teaching import check_senses, teachers_of, with_exam, with_senses
from runtime.config.version import version
from runtime.reporting.phrases import clock, counted_events
from runtime.reporting.terminal import Terminal
from runtime.run_folder.disk import needed_bytes
from runtime.run_folder.parts import changed_plugins, kept
from runtime.run_folder.rundir import RunDirectory
from runtime.viewers.rerun_log import FILE_SUFFIX, check_where, rerun
from sensors.core.errors import ConfigError, StateError, UserError
from sensors.core.registrations import brought
from sensors.live.rig_config import is_played
from sensors.plugins import plugins
from sensors.senses import configure
from sensors.senses.settings import form_changes
from sensors.system.address import file_of, redact_text
from sensors.system.interrupts import BEFORE, INTERRUPTED, Interrupted
from sensors.system.output import go_on_without, open_log
from sensors.system.paths import check_readable, check_writable, here, place, recording_folder
from sensors.system.places import check_link
from sensors.system.program import program
from teacher.subjects.check import check_subjects
from teacher.subjects.contract import settings_of

if TYPE_CHECKING:
    from runtime.supervisor.cluster import Cluster

FAILED = 1
"""Exit code of a run that broke down."""
DATA_VARIABLE = "RECIPROCAL_DATA"


def run_session(request: Request, actor_classes: Mapping[str, Any] | None = None) -> int:
    """Make or reopen the run directory, run, and leave nothing half-written; returns the exit code.

    Raises:
        UserError: what the user gave is wrong; a new run that holds nothing yet is gone.
    """
    # Ray tells its workers both.
    here()
    place(Path(__file__).parents[1], "the program's folder")
    check_link("--resume", request.resume)
    check_link("--run-dir", request.run_dir)
    terminal = Terminal()
    run, config = _resume(request, terminal) if request.resume else _create(request)
    try:
        return _run(run, config, terminal, actor_classes)
    except Interrupted:
        run.discard()
        raise
    except (UserError, KeyboardInterrupt, SystemExit):
        _tell_rest(run, terminal)
        raise
    finally:
        run.close()


def _run(run: RunDirectory, config: RunConfig, terminal: Terminal, actor_classes: Mapping[str, Any] | None) -> int:
    notes = prepare_environment(config.run.address)
    from runtime.supervisor.cluster import RAY_PATIENCE, Cluster

    # A private Ray has one run; in a joined one, each has a namespace for its actors' names.
    cluster = Cluster(config.run, f"reciprocal-{run.path.name}" if config.run.address else "reciprocal")
    failed = True
    with _output(run.path, notes), StopSignals(partial(_leave, cluster, run)) as signals:
        try:
            terminal.note(f"run {run.path}")
            for plugin in plugins():
                terminal.note(str(plugin))
            for note in [*notes, *learning(config).notes]:
                terminal.note(note)
            cluster.start()
            # Imports torch: done while Ray starts.
            from runtime.supervisor.assembly import ACTOR_CLASSES
            from runtime.supervisor.supervise import Supervisor

            outcome = Supervisor(config, run, terminal, signals, cluster, actor_classes or ACTOR_CLASSES).run()
            failed = bool(outcome.problem)
        finally:
            terminal.close()
            logs = cluster.close(RAY_PATIENCE, keep_logs=failed and not isinstance(sys.exception(), UserError))
    if not outcome.begun and not outcome.problem:
        run.discard()
        print(BEFORE, file=sys.stderr)
        return INTERRUPTED
    terminal.note(f"stopped at step {outcome.step} after {clock(outcome.learned)} of learning")
    _tell_rest(run, terminal)
    if outcome.problem:
        where = f"; Ray's logs are in {logs}" if logs else ""
        problem = redact_text(outcome.problem, [config.sensors.camera or ""])
        print(f"error: {problem}{where}", file=sys.stderr)
        return FAILED
    return 0


def _tell_rest(run: RunDirectory, terminal: Terminal) -> None:
    """Say how to go on with the run, or remove it if it is new and holds nothing."""
    if run.discard():
        terminal.note("nothing was learned and no event was stored: the run directory is removed")
        return
    kept = _held(run)
    terminal.note(f"{kept + '; ' if kept else ''}go on with: {program()} --resume {shlex.quote(str(run.path))}")


def _held(run: RunDirectory) -> str:
    """What a run without a learned step holds, in words; empty for one that has learned."""
    if run.checkpoint_step:
        return ""
    events = run.events
    kept = "" if events == 0 else "events kept" if events is None else f"{counted_events(events)} kept"
    others = f"kept with {', '.join(run.foreign_files[:3])}" if run.foreign_files and not kept else ""
    return kept or others


@contextlib.contextmanager
def _output(path: Path, notes: list[str]) -> Iterator[None]:
    """Send what libraries print to `output.log`, as it would tear the live view.

    If the screen's own output is lost, say so there.

    Args:
        path: the run directory.
        notes: takes why there is no such file.
    """
    try:
        log = open_log(path / "output.log")
    except OSError as error:
        notes.append(f"{path / 'output.log'}: cannot be written ({error.strerror}); what libraries print is lost")
        log = open_log(Path(os.devnull))

    def tell(why: str) -> None:
        with contextlib.suppress(ValueError):  # closed by now
            print(f"{why}; the run goes on without it", file=log)

    go_on_without(tell)
    with contextlib.closing(log), contextlib.redirect_stdout(log):
        yield


def _create(request: Request) -> tuple[RunDirectory, RunConfig]:
    config = RunConfig.of(request.changes)
    configure(config.senses.to_dict())
    if config.data.data is None and (found := os.environ.get(DATA_VARIABLE)):
        check_link(DATA_VARIABLE, found)
        config = config.override({"data.data": found})
    config = with_exam(_absolute(config))
    check_page(config.page)
    _check_viewer(config)
    _check_used(config, request)
    _check_sensors(config)
    _prepare_data(config, "--data" if "data.data" in request.changes else DATA_VARIABLE)
    config = _learn_what_is_sent(config, request)
    run = RunDirectory.create(request.run_dir, config.to_dict(), version(), needed_bytes(config), **kept(config))
    return run, config


def _resume(request: Request, terminal: Terminal) -> tuple[RunDirectory, RunConfig]:
    assert request.resume is not None
    run = RunDirectory.resume(request.resume)
    try:
        check_installed(run.path, run.saved)
        try:
            saved = RunConfig.from_saved(run.saved["config"])
            # What `auto` chose stays chosen, whatever other data are found by now.
            chosen = {
                f"data.{kind}": told.rpartition(":")[0]
                for kind, told in run.saved.get("datasets", {}).items()
                if "/" not in kind
            }
            before = saved.override(chosen)
        except ConfigError as error:
            raise StateError(f"{run.path}/config.json: damaged, or of another version ({error})") from None
        config = with_exam(_absolute(before.override(request.changes)))
        if changed := form_changes(saved.senses, config.senses):
            raise ConfigError(
                f"{', '.join(changed)}: the networks and tables of this run have the old form;\n"
                "keep the old value, or start a new run"
            )
        configure(config.senses.to_dict())
        check_forms(run.path, run.saved)
        check_page(config.page)
        _check_viewer(config)
        _check_used(config, request)
        _check_sensors(config, fresh=False)
        _prepare_data(config)
        config = _learn_what_is_sent(config, request)
        changed = [f"plugin {name}" for name in changed_plugins(run.saved)]
        for difference in [*changed, *RunConfig.replaced(run.saved["config"]), *config.differences(saved)]:
            terminal.note(f"changed: {difference}")
        if run.checkpoint_step is None and _teaches(config) != _teaches(before):
            run.record(generation=last_generation(run.replay, _teachers(config, saved)) + 1)
        parts: dict[str, Any] = dict(kept(config, run.saved))
        parts |= {"format": FORMAT, "written_by": version()}
        if config != saved or any(run.saved.get(key) != parts[key] for key in parts):
            run.record(config=config.to_dict(), **parts)
    except BaseException:
        run.close()
        raise
    return run, config


def _teaches(config: RunConfig) -> tuple[Any, ...]:
    """All that decides which events teachers send, besides their places in the curriculum."""
    data = config.data.replace(data=None, download=False)
    own = {subject.name: settings_of(subject, config) for subject in config.run.subjects}
    return data, config.teacher, config.letters, own, config.run.seed


def _teachers(*configs: RunConfig) -> set[str]:
    """Names of all teachers that any of these settings ask for."""
    return {name for config in configs for name in (one.name for one in teachers_of(config.run))}


def _absolute(config: RunConfig) -> RunConfig:
    """Files and folders of the user by their whole paths: actors have working directories of their own."""
    places = {
        "data.data": ("--data", config.data.data),
        "data.folder": ("--teach", config.data.folder),
        "live.record": ("--record", config.live.record),
        "ingest.keys": ("--keys", config.ingest.keys),
        "monitor.judges": ("--judges", config.monitor.judges),
        "browsers.exam": ("--exam", config.browsers.exam),
        "page.cert": ("--page-cert", config.page.cert),
        "page.key": ("--page-key", config.page.key),
    }
    if config.run.rerun is not None and config.run.rerun.endswith(FILE_SUFFIX):
        places["run.rerun"] = ("--rerun", config.run.rerun)
    if config.run.sensors is not None and is_played(config.run.sensors):
        places["run.sensors"] = ("--sensors", config.run.sensors)
    camera = config.sensors.camera
    if config.run.sensors is not None and not config.rig.played and camera is not None and file_of(camera) == camera:
        places["sensors.camera"] = ("--camera", camera)
    for option, given in places.values():
        check_link(option, given)
    return config.override({k: str(place(v, option)) for k, (option, v) in places.items() if v is not None})


def _check_viewer(config: RunConfig) -> None:
    """Refuse a viewer that cannot be shown anything.

    Raises:
        ConfigError: says why.
    """
    if config.run.rerun is None:
        return
    if config.page.port is None:
        raise ConfigError("--rerun: it follows the page; leave out --page none")
    rerun()
    check_where(config.run.rerun)


def _check_used(config: RunConfig, request: Request) -> None:
    """Refuse settings of what is taught that are given for a run that perceives: nothing would use them.

    The subjects and the choice of data are used where judges are to be trained on labelled data.
    """
    if config.run.sensors is None:
        return
    teaching = {"teacher", "letters", *brought("subject")}
    for key in request.changes:
        section = key.partition(".")[0]
        if section in teaching or key in ("run.teachers", "data.data"):
            raise ConfigError(f"{key}: a run with sensors has no teacher;\nleave it out")
        # Letters are taught by people, whom the page prompts.
        if ((key == "run.teach" and not config.run.labelled) or section == "data") and config.monitor.judges is None:
            raise ConfigError(
                f"{key}: a run with sensors has no teacher;\nleave it out, or give --judges DIR for exams on such data"
            )


def _check_sensors(config: RunConfig, fresh: bool = True) -> None:
    """Before anything is started: whether there is anything to perceive with, and what judges learn from."""
    if (judges := config.monitor.judges) is not None:
        check_readable(Path(judges), "--judges", "name one with labelled datasets")
    if config.run.sensors is not None:
        for option, written in (("--record", config.live.record), ("--exam", config.browsers.exam)):
            if written is not None:
                check_writable(recording_folder(Path(written)), option)
        if config.monitor.judges is not None:
            labelled = config.data.replace(data=config.monitor.judges, download=False)
            check_subjects(config.run.subjects, labelled, config, "--judges")
        # Brings OpenCV and the libraries of devices, which no simulated teacher needs here.
        from sensors.live.rig import check

        check(config.rig, fresh)


def _prepare_data(config: RunConfig, source: str = "--data") -> None:
    """Fetch what is to be downloaded, check and prepare what teachers load; sensors need none of it."""
    if config.run.sensors is not None:
        return
    # Here and once, not in the actors: its progress is seen, and several teachers do not fetch the same files.
    source = source if config.data.data else ""
    for subject in config.run.subjects:
        subject.fetch(config.data, source)
    check_subjects(config.run.subjects, config.data, config, source)
    for subject in config.run.subjects:
        subject.prepare(config.data)


def _learn_what_is_sent(config: RunConfig, request: Request) -> RunConfig:
    """The learner learns from the senses that are taught, where the user names none; else what is named must fit.

    Some algorithm must learn from what there is.
    """
    if config.run.sensors is not None:
        learning(config)
        return config
    if "learner.modalities" not in request.changes and request.resume is None:
        config = with_senses(config)
    check_senses(config)
    learning(config)
    return config


def _leave(cluster: "Cluster", run: RunDirectory) -> None:
    """End everything at once; no file of a run needs more, as checkpoints are renamed into place whole.

    The process ends whatever fails here: the user has asked twice.
    """
    try:
        cluster.kill()
        # The live view hides the cursor; a terminal gets it back.
        show = b"\x1b[?25h" if os.isatty(2) else b""
        os.write(2, show + f"\nstopped at once; {_left(cluster, run)}\n".encode())
    finally:
        os._exit(INTERRUPTED)


def _left(cluster: "Cluster", run: RunDirectory) -> str:
    """Say what is left of a run whose processes were just ended; a new run without events is removed."""
    if run.checkpoint_step is not None:
        return "the last checkpoint stands"
    # In a joined cluster replay still lives for a moment, and may store an event while its folder is being removed.
    if not cluster.joined and run.discard():
        return "nothing was learned and no event was stored: the run directory is removed"
    return f"there is no checkpoint yet; {_held(run) or 'the run is kept'}"
