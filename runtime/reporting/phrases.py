"""Figures of a run as short phrases in plain text; an empty phrase where there is nothing to tell yet."""

from collections.abc import Mapping, Sequence

from runtime.reporting.figures import Value

LOST = ("throttled", "unanswered", "overflow", "refused", "stopped")
"""Reasons for which an event that was perceived is not in replay."""
HARMLESS = ("own", "superseded", "replayed", "disconnected", "unanswered")
"""Reasons for which a sample or a message is passed over without a loss."""


def reading(v: Mapping[str, Value], *exams: str) -> str:
    """These lip-reading accuracies, as far as they are known; empty before the first exam of letters."""
    if "exam/lips_all" not in v:
        return ""
    return ", ".join(f"{e.removeprefix('lips_')} {percent(v, f'exam/{e}')}" for e in exams if f"exam/{e}" in v)


def finding(v: Mapping[str, Value]) -> str:
    """How often the right concept is found in another sense at the first place; empty before the first such exam."""
    ends = ("retrieval/", "/r1")
    keys = [key for key in v if key.startswith(ends[0]) and key.endswith(ends[1])]
    return ", ".join(f"{k[len(ends[0]) : -len(ends[1])].replace('_to_', '→')} {percent(v, k)}" for k in keys)


def turning(v: Mapping[str, Value], algorithm: str) -> str:
    """How far the turns of an algorithm are, with its figures, or what it waits for; empty where it has neither."""
    prefix = f"{algorithm}/"
    if not (turns := number(v, f"{prefix}turns")):
        return f"waits: {v[f'{prefix}waiting']}" if v.get(f"{prefix}waiting") else ""
    known = [
        f"{found:.0f} {key.removeprefix(prefix)}" if found.is_integer() else f"{key.removeprefix(prefix)} {found:.3g}"
        for key in v
        if key.startswith(prefix) and key.removeprefix(prefix) not in ("turns", "share", "waiting")
        if (found := number(v, key)) is not None
    ]
    known += [] if number(v, f"{prefix}share") is None else [f"busy {percent(v, f'{prefix}share')}"]
    return f"turn {turns:.0f}" + (f": {', '.join(known)}" if known else "")


def training(v: Mapping[str, Value]) -> str:
    """How far the judges are trained; empty before they begin and once they are done."""
    shares = [number(v, key) or 0.0 for key in v if key.startswith("judge_trained/")]
    return f"judges {sum(shares) / len(shares):.0%} trained" if shares and min(shares) < 1 else ""


def sensing(v: Mapping[str, Value]) -> str:
    """Where every sensor and robot stands; empty where there is none."""
    return "  ".join(f"{key.removeprefix('sensor/')} {v[key]}" for key in sorted(v) if key.startswith("sensor/"))


def perceiving(v: Mapping[str, Value]) -> str:
    """What was perceived so far, and how long it took to be kept; empty where nothing perceives."""
    if "sensors/waiting" not in v:
        return ""
    prefix = "sensors/events/"
    kinds = sorted((key.removeprefix(prefix) for key in v if key.startswith(prefix)), key=lambda kind: -kind.count("+"))
    parts = []
    for kind in kinds:
        only = "" if "+" in kind else " only"
        broken = number(v, f"sensors/pairing/{kind}.broken")
        parts.append(f"{number(v, prefix + kind) or 0:.0f} {kind}{only}")
        if broken:
            parts[-1] += f" ({broken:.0f} incomplete)"
    parts = parts or ["nothing yet"]
    if (p99 := number(v, "sensors/latency_p99")) is not None:
        parts.append(f"stored within {1000 * p99:.0f} ms")
    return ", ".join(parts + losing(v))


def losing(v: Mapping[str, Value]) -> list[str]:
    """What did not come through on its way from the sensors, each in its own unit; nothing where nothing was lost."""
    events = sum(number(v, f"dropped/{reason}") or 0 for reason in LOST)
    samples = messages = unrecorded = 0.0
    for key in v:
        group, reason = key.removeprefix("sensor_lost/").partition("/")[0], key.rpartition("/")[2]
        if not key.startswith("sensor_lost/") or reason in HARMLESS:
            continue
        found = number(v, key) or 0
        if group == "refused":
            messages += found
        elif group == "unrecorded":
            unrecorded += found
        else:
            samples += found
    counts = {"events lost": events, "samples lost": samples}
    counts |= {"messages refused": messages, "not recorded": unrecorded}
    return [f"{count:.0f} {what}" for what, count in counts.items() if count]


def itself(v: Mapping[str, Value]) -> str:
    """How consistent the learner is with itself, without labels; empty before the first such exam."""
    titles = {"match": "match", "cycle": "cycle", "stability": "stable", "reconstruction": "explained"}
    parts = []
    for kind, title in titles.items():
        names = sorted(key for key in v if key.startswith(f"self/{kind}_"))
        if names:
            found = "/".join(f"{number(v, key):.2f}" for key in names)
            parts.append(f"{title} {found}" + (_sure(v, names) if kind == "match" else ""))
    if parts and (taken := number(v, "learner/held_out_taken")):
        # What should have been held out and was learnt from makes these figures too good.
        parts.append(f"{taken:.0f} batches not held out")
    if waiting := v.get("self/waiting"):
        parts.append(f"{waiting}")
    return ", ".join(parts)


def _sure(v: Mapping[str, Value], matches: Sequence[str]) -> str:
    """The 95 % intervals of these matches, and of how many pairs they are; empty where they are not known."""
    names = [key.removeprefix("self/") for key in matches]
    ends = [(number(v, f"self/low_{name}"), number(v, f"self/high_{name}")) for name in names]
    known = [f"{low:.2f}–{high:.2f}" for low, high in ends if low is not None and high is not None]
    return f" ({'/'.join(known)}, {number(v, 'self/pairs') or 0:.0f} pairs)" if known else ""


def answering(v: Mapping[str, Value]) -> str:
    """Questions answered and how fast, and responses; empty where nothing answers."""
    parts = []
    if asked := number(v, "answer/asked"):
        parts.append(f"{asked:.0f} asked, p99 {number(v, 'answer/ms_p99') or 0:.0f} ms")
    if (given := number(v, "answer/given")) is not None:
        played = number(v, "speaker/played")
        parts.append(f"{given:.0f} given" + (f", {played:.0f} played" if played else ""))
    return ", ".join(parts)


def counted_events(count: int) -> str:
    """A number of events in words, as `1 event` or `12 events`."""
    return f"{count} event" if count == 1 else f"{count} events"


def clock(seconds: float) -> str:
    """Seconds as m:ss, or h:mm:ss from one hour on."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def number(values: Mapping[str, Value], key: str) -> float | None:
    """A figure as a number; None when it is not there or is text."""
    value = values.get(key)
    return None if value is None or isinstance(value, str) else float(value)


def percent(values: Mapping[str, Value], key: str) -> str:
    """A fraction as a percentage; a dash when it is not known yet."""
    value = number(values, key)
    return "–" if value is None else f"{value:.1%}"


def is_loss(values: Mapping[str, Value], key: str) -> bool:
    """Whether a figure is a loss of the learner."""
    return key.startswith("loss/") and not isinstance(values[key], str)
