"""Makes the rig of a live run from its settings, and checks beforehand whether it can be made."""

from collections.abc import Collection
from pathlib import Path

from sensors.browsers.browsers import Browsers
from sensors.browsers.host_prompts import HostPrompts
from sensors.core.errors import SourceError
from sensors.files.ros.recorder import check_libraries, free_place, make_recorder, taken
from sensors.live.live_rig import HOST, LiveRig
from sensors.live.rig_config import RigConfig
from sensors.perception.perception import Perception, StreamConfig
from sensors.perception.streams import AnySource, devices, played, streams
from sensors.robots.ingest import RemoteIngest
from sensors.sources.devices import connect
from sensors.sources.own_playback import OwnPlayback

CHECK = 2.5
"""Longest wait for a device when it is only checked whether there is one, seconds."""


def make_rig(config: RigConfig, generation: int, kinds: Collection[str]) -> LiveRig:
    """The rig that the settings describe, not started.

    Args:
        config: what is listened to and looked at.
        generation: never used before by this machine's events.
        kinds: of events that are wanted.

    Raises:
        SourceError: no such recording, nothing to perceive with, or the place to record to cannot be used.
        LinkError: robots cannot be heard at that address.
    """
    sources = make_sources(config)
    recorder = None
    ingest = RemoteIngest(config.ingest) if config.ingest.listen is not None else None
    if config.live.record is not None:
        recorder = make_recorder(
            free_place(config.live.record), config.sensors.record_mib * 2**20, config.sensors.picture_rate
        )
    perceiving = StreamConfig.of(config.perception, config.sensors)
    browsers = prompts = None
    perceiving = StreamConfig.of(config.perception, config.sensors)
    if config.browsers.most and not config.played:
        senses = (perceiving, config.names)
        prompts = HostPrompts(generation, config.browsers.exam, config.letters) if sources else None
        browsers = Browsers(config.browsers, *senses, config.sensors, generation, recorder, config.letters, prompts)
    perception = Perception(HOST, generation, perceiving, config.names, prompts)
    return LiveRig(
        sources,
        perception,
        kinds,
        ingest,
        recorder,
        playback=OwnPlayback(Path(config.own_playback)) if config.own_playback is not None else None,
        played=config.played,
        browsers=browsers,
        prompts=prompts,
    )


def make_sources(config: RigConfig) -> list[AnySource]:
    """The devices that the senses are perceived in, or what was recorded of them.

    Raises:
        SourceError: no such recording or file, or nothing to perceive with.
    """
    wanted = streams(config.names)
    if config.played:
        return played(wanted, config.source, config.live.speed, config.live.topics)
    sources = devices(wanted, config.devices)
    if not sources and config.ingest.listen is None and not config.waits_for_browsers:
        raise SourceError(
            f"no device for {', '.join(wanted)}, and no robots: give --microphone, --camera or --listen, "
            "or the device of another sense by its settings"
        )
    return sources


def check(config: RigConfig, fresh: bool = True) -> None:
    """See whether there is anything to perceive with, and give it back; takes a few seconds at most.

    Args:
        config: what is listened to and looked at.
        fresh: a new run, which is not meant to record to where a recording lies already.

    Raises:
        SourceError: nothing is there: what was looked for and the fix.
        LinkError: robots cannot be heard at that address, or not with those keys.
    """
    if fresh and config.live.record is not None and taken(config.live.record):
        raise SourceError(f"--record {config.live.record}: holds a recording already; choose another place")
    if config.live.record is not None:
        check_libraries(config.live.record)
    sources = make_sources(config)
    if config.ingest.listen is not None:
        RemoteIngest(config.ingest).close()
    if config.played or config.ingest.listen is not None or config.waits_for_browsers:
        return
    try:
        connect(sources, CHECK)
    finally:
        for source in sources:
            source.disconnect()
