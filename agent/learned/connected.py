"""An agent of a live run that is asked over HTTP, at the address of the run's page; its interface is docs/api.md."""

import base64
import io
import json
import os
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.learned.contract import NEAREST, Agent, EvokedSamples, Given, NearSample, check_count, check_known, one_given
from agent.learned.packing import packed
from agent.learned.sample import SIDE, Sample
from sensors.core.errors import ConfigError, EventError, LinkError, StateError
from sensors.system.address import redact

PATIENCE = 30.0
"""Seconds that an answer may take."""
AGAIN = 0.3
"""Seconds until a run is asked again that prepares an answer."""
LARGEST = 1 << 28
"""Bytes of the largest answer that is read."""


class ConnectedAgent(Agent):
    """What a live run has learned so far; every answer is by its newest weights. Made by `connect`.

    Args:
        address: of the run's page, such as 'http://127.0.0.1:8270'.
        token: that a page needs which is served to other machines.
        patience: seconds that an answer may take.
        trusted: certificates by which the page is known; None: those of the system.
    """

    def __init__(self, address: str, token: str, patience: float, trusted: ssl.SSLContext | None = None) -> None:
        self._address, self._token, self._patience, self._trusted = address, token, patience, trusted
        self._known = {str(one["name"]): one for one in self.status()["senses"]}

    @property
    def step(self) -> int:
        """Learner step of the newest weights; -1 before the first ones."""
        step = self.status()["page"].get("weights_step")
        return -1 if step is None else int(step)

    @property
    def senses(self) -> tuple[str, ...]:
        """Names of the senses that can be asked about and evoked."""
        return tuple(name for name, one in self._known.items() if self._evokes(one))

    def _evokes(self, about: Mapping[str, Any]) -> Sequence[str]:
        """The senses that one of the status evokes; all that it tells of, where it does not say."""
        evoked: Sequence[str] = about.get("evokes", list(self._known))
        return evoked

    def heard(self, sense: str) -> bool:
        """Whether samples of a sense can be heard."""
        return bool(self._known[sense]["heard"])

    def __repr__(self) -> str:
        return f"ConnectedAgent({redact(self._address)!r}, {', '.join(self.senses)})"

    def status(self) -> dict[str, Any]:
        """The state of the run, as `GET /v1/status` tells it.

        Raises:
            LinkError: the run does not answer.
        """
        told: dict[str, Any] = json.loads(self._ask("/v1/status", {}))
        return told

    def evoke(
        self, target: str | Sequence[str] = (), *, prepare: str | None = None, cut: str = "auto", **given: Given
    ) -> EvokedSamples:
        """What a sample evokes; see `Agent.evoke`.

        Raises:
            UserError: as `Agent.evoke`; LinkError: the run does not answer.
        """
        sense, data = self._packed(given)
        named = (target,) if isinstance(target, str) else tuple(target)
        able = self._evokes(self._known[sense])
        for name in named:
            check_known(name, able)
        wanted = named or tuple(name for name in able if name != sense)
        query = _query(sense, prepare, cut) | {"target": ",".join(wanted), "data": "npy,png,wav", "keep": "0"}
        told = _told(self._ask("/v1/evoke", query, data))
        if "id" not in told["asked"]:
            made = {name: self._sample(name, about) for name, about in told["evoked"].items()}
            asked = Sample(sense, _array(data), self.heard(sense))
            return EvokedSamples(int(told["step"]), asked, made)
        made = {name: self._sample(name, about) for name, about in told["evoked"].items()}
        if (remembered := told["remembered"]) is not None:
            made[sense] = self._sample(sense, remembered)
        part = told["asked"].get("part")
        heard = None if part is None else (float(part["start_s"]), float(part["end_s"]))
        return EvokedSamples(int(told["step"]), self._sample(sense, told["asked"]), made, heard)

    def latents(
        self, target: str | None = None, *, prepare: str | None = None, cut: str = "auto", **given: Given
    ) -> NDArray[np.float32]:
        """The latents of samples, (B, L) float32; see `Agent.latents`."""
        sense, data = self._packed(given)
        query = _query(sense, prepare, cut)
        if target is not None:
            check_known(target, self.senses)
            query["target"] = target
        return np.asarray(_array(self._ask("/v1/latents", query, data)), np.float32)

    def nearest(
        self,
        target: str | None = None,
        count: int = NEAREST,
        *,
        prepare: str | None = None,
        cut: str = "auto",
        **given: Given,
    ) -> list[NearSample]:
        """The known samples nearest to one sample: of the run's exam, with names, or else of its newest events."""
        check_count(count)
        sense, data = self._packed(given)
        wanted = sense if target is None else target
        check_known(wanted, self.senses)
        query = _query(sense, prepare, cut) | {"target": wanted, "count": str(count)}
        told = _told(self._patiently("/v1/nearest", query, data))
        found = []
        for one in told["nearest"]:
            where = f"/v1/samples/{urllib.parse.quote(one['id'])}"
            sample = Sample(
                wanted, _array(self._ask(where, {"as": "npy"})), self.heard(wanted), partial(self._render, where)
            )
            found.append(NearSample(str(one["id"]), sample, one["name"], float(one["distance"])))
        return found

    def _packed(self, given: Mapping[str, Given]) -> tuple[str, bytes]:
        sense, what = one_given(given, self.senses)
        form = self._known[sense]
        return sense, packed(what, sense, tuple(form["shape"]), str(form["dtype"]))

    def _render(self, where: str, form: str) -> bytes:
        return self._ask(where, {"as": form} | ({"size": str(SIDE)} if form == "png" else {}))

    def _sample(self, sense: str, about: Mapping[str, Any]) -> Sample:
        """A sample of an answer, which holds it in all forms."""
        files = {form: base64.b64decode(text) if text else b"" for form, text in about["data"].items()}
        array = _array(files["npy"])
        several = array.ndim > len(self._known[sense]["shape"])
        return Sample(sense, array, self.heard(sense), None if several else files.__getitem__)

    def _patiently(self, route: str, query: Mapping[str, str], body: bytes) -> bytes:
        """As `_ask`; what the run is still preparing is asked for again."""
        end = time.monotonic() + self._patience
        while True:
            try:
                return self._ask(route, query, body)
            except StateError:
                if time.monotonic() > end:
                    raise
                time.sleep(AGAIN)

    def _ask(self, route: str, query: Mapping[str, str], body: bytes | None = None) -> bytes:
        """The body of an answer.

        Raises:
            EventError: the run refuses what was sent; StateError: it knows nothing yet; LinkError: it does not answer.
        """
        address = f"{self._address}{route}{'?' if query else ''}{urllib.parse.urlencode(query)}"
        headers = {"Content-Type": "application/octet-stream"} if body is not None else {}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        request = urllib.request.Request(address, body, headers)
        try:
            with urllib.request.urlopen(request, timeout=self._patience, context=self._trusted) as answer:
                read: bytes = answer.read(LARGEST)
                return read
        except urllib.error.HTTPError as error:
            with error:
                raise _refusal(self._address, error.code, error.read(1 << 16)) from None
        except (urllib.error.URLError, OSError, ValueError) as error:
            why = getattr(error, "reason", None) or error
            raise LinkError(
                f"{redact(self._address)}: no run answers there ({why}); the run prints its address as 'page …'"
            ) from None


def connect(
    address: str,
    *,
    token: str | None = None,
    certificate: str | os.PathLike[str] | None = None,
    patience: float = PATIENCE,
) -> ConnectedAgent:
    """The agent of a live run, asked over HTTP at the address of its page.

    Args:
        address: as the run prints it, 'http://127.0.0.1:8270/'; one with '?token=…' holds the token.
        token: of a page that is served to other machines; None: that in the address, if any.
        certificate: file of a page whose certificate nobody else vouches for (its `--page-cert`).
        patience: seconds that an answer may take.

    Raises:
        ConfigError: it is no address of a page, or no certificate.
        LinkError: no run answers there.
    """
    parts = urllib.parse.urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"{redact(address)}: is no address of a page; expected http://HOST:PORT")
    held = dict(urllib.parse.parse_qsl(parts.query)).get("token", "")
    trusted = None
    if certificate is not None:
        try:
            trusted = ssl.create_default_context(cafile=os.fspath(certificate))
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"{certificate}: is no certificate that can be read ({error})") from None
    return ConnectedAgent(f"{parts.scheme}://{parts.netloc}", held if token is None else token, patience, trusted)


def _query(sense: str, prepare: str | None, cut: str) -> dict[str, str]:
    return {"sense": sense, "cut": cut} | ({} if prepare is None else {"prepare": prepare})


def _told(body: bytes) -> dict[str, Any]:
    """An answer, where something could be told.

    Raises:
        StateError: nothing is learned yet; EventError: nothing could be told from what was given.
    """
    told: dict[str, Any] = json.loads(body)
    if told.get("told", True):
        return told
    raise (StateError if told["reason"] == "not_ready" else EventError)(str(told["why"]))


def _refusal(address: str, status: int, body: bytes) -> Exception:
    try:
        told = json.loads(body)
        reason, message = str(told["reason"]), str(told["error"])
    except (ValueError, KeyError, TypeError):
        return LinkError(f"{redact(address)}: answers {status}, which no run does; check the address")
    if reason in ("not_ready", "busy"):
        return StateError(message)
    if reason in ("token", "host", "origin"):
        return LinkError(f"{redact(address)}: {message}")
    return EventError(message)


def _array(data: bytes) -> NDArray[Any]:
    read: NDArray[Any] = np.load(io.BytesIO(data), allow_pickle=False)
    return read
