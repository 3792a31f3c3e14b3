"""Scenes in which a hand shows things to a camera, with the truth of what is where.

Things are cut out of photographs or rendered (ball, mug, book, banana, scissors). A hand on an arm, bare or in a
sleeve, brings each one in along a smooth path, holds it with a tremble, turns it slowly, and takes it away. The
background is textured, the light drifts and changes, and the camera adds noise. Now and then the hand comes empty.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 640, 480
FPS = 15.0
SKINS = ((140, 172, 224), (112, 146, 205), (86, 120, 180), (62, 92, 148), (42, 62, 102))
"""Colours of hands, blue, green, red."""
Box = tuple[float, float, float, float]
"""Left, top, width and height in pixels."""


@dataclass(frozen=True)
class Thing:
    """What is shown.

    Attributes:
        picture: (h, w, 3) uint8 BGR.
        mask: (h, w) float32, 1 where it is.
        name: of its kind.
    """

    picture: NDArray[np.uint8]
    mask: NDArray[np.float32]
    name: str


@dataclass(frozen=True)
class Showing:
    """One visit of the hand, which comes from `start` on, holds from `held` to `let`, and is gone at `end`: seconds.

    Attributes:
        thing: what it holds; None: it is empty.
        side: from which it comes: 0 bottom, 1 left, 2 right.
        place: where the thing is held, pixels.
        size: longer side of the thing, pixels.
        turn: largest turn while it is held, radians.
        skin: colour of the hand.
        sleeve: colour of the sleeve; None: the arm is bare.
        seed: of tremble and fingers.
    """

    start: float
    held: float
    let: float
    end: float
    thing: Thing | None
    side: int
    place: tuple[float, float]
    size: float
    turn: float
    skin: tuple[int, int, int]
    sleeve: tuple[int, int, int] | None
    seed: int


class HandheldScene:
    """Pictures of a room in which a hand shows things one after another.

    Args:
        things: shown in turn.
        seed: of everything random.
        empty: share of visits with an empty hand.
        light: strength of changes of light, 0: none.
        noise: standard deviation of the camera's noise, grey levels; None: one is chosen.
        textures: pictures of which the background is made in part; none: it is drawn.

    Attributes:
        showings: what happens when.
        seconds: length of the scene.
    """

    def __init__(
        self,
        things: Sequence[Thing],
        seed: int,
        empty: float = 0.2,
        light: float = 1.0,
        noise: float | None = None,
        textures: Sequence[NDArray[np.uint8]] = (),
    ) -> None:
        rng = np.random.default_rng(seed)
        self._seed, self._light = seed, light
        self._background = background(rng, textures)
        self._noise = float(rng.uniform(2, 6)) if noise is None else noise
        self._grain = self._noise * rng.standard_normal((HEIGHT, WIDTH, 3), np.float32)
        self._phases = rng.uniform(0, 2 * math.pi, 4)
        self._skin: tuple[int, int, int] = SKINS[int(rng.integers(len(SKINS)))]
        sleeve = tuple(int(v) for v in rng.integers(20, 220, 3)) if rng.random() < 0.5 else None
        self.showings: list[Showing] = []
        at = 2.0
        for thing in things:
            if rng.random() < empty:
                at = self._add(rng, at, None, sleeve)
            at = self._add(rng, at, thing, sleeve)
        self.seconds = at + 0.5
        # Lamps that are switched on and off, or the other way, whether something is held or not.
        lamps = ((float(rng.uniform(2, at)), float(rng.uniform(2, 8))) for _ in range(max(1, int(at / 12))))
        self._lamps = [(on, on + stays, float(rng.uniform(-0.22, 0.22))) for on, stays in lamps]
        self._tint = rng.uniform(-0.05, 0.05, 3)

    def _add(self, rng: np.random.Generator, at: float, thing: Thing | None, sleeve: Any) -> float:
        size = float(rng.uniform(0.26, 0.5) * HEIGHT)
        place = (float(rng.uniform(0.3, 0.7) * WIDTH), float(rng.uniform(0.32, 0.56) * HEIGHT))
        come, stay, go = rng.uniform(0.5, 0.9), rng.uniform(1.5, 4.0), rng.uniform(0.4, 0.8)
        showing = Showing(
            start=at,
            held=at + come,
            let=at + come + stay,
            end=at + come + stay + go,
            thing=thing,
            side=int(rng.choice(3, p=(0.6, 0.2, 0.2))),
            place=place,
            size=size,
            turn=float(rng.uniform(0, 0.5)),
            skin=self._skin,
            sleeve=sleeve,
            seed=int(rng.integers(2**31)),
        )
        self.showings.append(showing)
        return showing.end + float(rng.uniform(0.6, 1.6))

    def at(self, time: float) -> Showing | None:
        """The visit that is under way, if any."""
        return next((s for s in self.showings if s.start <= time < s.end), None)

    def picture(self, time: float) -> tuple[NDArray[np.uint8], Box | None]:
        """What the camera sees at a second of the scene, (480, 640, 3) uint8 BGR, and the box of the thing in it."""
        rng = np.random.default_rng((self._seed, round(time * 1000)))
        picture, box = self._background.copy(), None
        showing = self.at(time)
        if showing is not None:
            box = _draw(picture, showing, time)
        return self._seen(picture, time, rng), box

    def _seen(self, picture: NDArray[np.float32], time: float, rng: np.random.Generator) -> NDArray[np.uint8]:
        a, b, c, _ = self._phases
        gain = 1 + 0.08 * self._light * math.sin(time / 3 + a) + 0.03 * self._light * math.sin(time * 1.3 + b)
        for on, off, change in self._lamps:
            gain += self._light * change * (_switched(time - on) - _switched(time - off))
        slope = 0.06 * self._light * math.sin(time / 5 + c)
        x = np.linspace(-1, 1, WIDTH, dtype=np.float32)[None, :, None]
        tint = (1 + self._light * self._tint * math.sin(time / 7)).astype(np.float32)
        lit = picture * (np.float32(gain) + slope * x) * tint
        # One field of noise, moved and mirrored: it is as good as a new one, and takes a tenth of the time.
        down, across = (int(v) for v in rng.integers(0, (HEIGHT, WIDTH)))
        lit += np.roll(self._grain, (down, across), (0, 1))[:: int(rng.choice((-1, 1)))]
        return np.asarray(cv2.convertScaleAbs(np.maximum(lit, 0)), np.uint8)


def _switched(since: float) -> float:
    """How far a lamp has come so many seconds after it was switched, 0…1."""
    return 1 / (1 + math.exp(-min(max(since / 0.08, -30.0), 30.0)))


def _draw(picture: NDArray[np.float32], showing: Showing, time: float) -> Box | None:
    """Draw arm, thing and fingers into a picture; the box of the thing, if some of it is inside."""
    rng = np.random.default_rng(showing.seed)
    phases, rates = rng.uniform(0, 2 * math.pi, 6), rng.uniform(0.4, 2.2, 6)
    outside = {
        0: (showing.place[0] + rng.uniform(-120, 120), HEIGHT + 0.9 * showing.size + 40),
        1: (-0.9 * showing.size - 60, showing.place[1] + rng.uniform(0, 120)),
        2: (WIDTH + 0.9 * showing.size + 60, showing.place[1] + rng.uniform(0, 120)),
    }[showing.side]
    if time < showing.held:
        share = _ease((time - showing.start) / (showing.held - showing.start))
    elif time < showing.let:
        share = 1.0
    else:
        share = 1 - _ease((time - showing.let) / (showing.end - showing.let))
    slow, fast = np.sin(2 * rates[:2] * time + phases[:2]), np.sin(9 * rates[:2] * time + phases[2:4])
    tremble = 3.0 * slow + 1.2 * fast
    x = outside[0] + (showing.place[0] - outside[0]) * share + tremble[0]
    y = outside[1] + (showing.place[1] - outside[1]) * share + tremble[1]
    swing = math.sin(rates[4] * (time - showing.held) * 0.9 + phases[4])
    angle = showing.turn * swing
    root = {
        0: (x + rng.uniform(-110, 110), HEIGHT + 60.0),
        1: (-60.0, y + rng.uniform(40, 190)),
        2: (WIDTH + 60.0, y + rng.uniform(40, 190)),
    }[showing.side]
    toward = np.array([root[0] - x, root[1] - y])
    toward = toward / max(float(np.linalg.norm(toward)), 1.0)
    half = 0.42 * showing.size if showing.thing is not None else 0.0
    grip = (x + toward[0] * half, y + toward[1] * half)
    palm = rng.uniform(38, 52)
    _arm(picture, grip, root, palm, showing, rng)
    box = None
    if showing.thing is not None:
        narrow = 1 - 0.35 * showing.turn * (1 + math.sin(rates[5] * (time - showing.held) + phases[5]))
        box = _thing(picture, showing.thing, (x, y), showing.size, angle, narrow)
    _fingers(picture, grip, toward, palm, showing, rng)
    return box


def _ease(share: float) -> float:
    """A hand's way between two places: slow, fast, slow."""
    s = min(max(share, 0.0), 1.0)
    return s * s * s * (10 - 15 * s + 6 * s * s)


def _shaded(picture: NDArray[np.float32], mask: NDArray[np.uint8], colour: Sequence[float], rng: Any) -> None:
    """Fill a mask with a colour that is brighter in its middle, blotched as skin and cloth are."""
    coarse = rng.normal(1, 0.05, (12, 16)).astype(np.float32)
    x, y, w, h = cv2.boundingRect(mask)
    part = (slice(max(y - 3, 0), y + h + 3), slice(max(x - 3, 0), x + w + 3))
    depth = cv2.distanceTransform((mask[part] > 127).astype(np.uint8), cv2.DIST_L2, 3)
    form = 0.72 + 0.28 * np.clip(depth / 24, 0, 1)
    blotch = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)[part]
    cover = cv2.GaussianBlur(mask, (5, 5), 0)[part].astype(np.float32)[..., None] / 255
    paint = np.asarray(colour, np.float32) * (form * blotch)[..., None]
    picture[part] += cover * (paint - picture[part])


def _arm(picture: Any, grip: Any, root: Any, palm: float, showing: Showing, rng: np.random.Generator) -> None:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    ends = [tuple(int(v) for v in p) for p in (grip, root)]
    cv2.line(mask, ends[0], ends[1], 255, int(1.35 * palm), cv2.LINE_AA)
    cv2.ellipse(mask, ends[0], (int(palm), int(0.9 * palm)), 0, 0, 360, 255, -1, cv2.LINE_AA)
    _shaded(picture, mask, showing.skin, rng)
    if showing.sleeve is not None:
        sleeve = np.zeros((HEIGHT, WIDTH), np.uint8)
        way = np.array(root) - np.array(grip)
        cuff = np.array(grip) + way / max(float(np.linalg.norm(way)), 1.0) * rng.uniform(1.6, 2.6) * palm
        if float(np.linalg.norm(np.array(root) - np.array(grip))) > 2.8 * palm:
            cv2.line(sleeve, tuple(int(v) for v in cuff), ends[1], 255, int(1.9 * palm), cv2.LINE_AA)
            _shaded(picture, sleeve, showing.sleeve, rng)


def _fingers(picture: Any, grip: Any, toward: Any, palm: float, showing: Showing, rng: np.random.Generator) -> None:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    across = np.array([-toward[1], toward[0]])
    degrees = math.degrees(math.atan2(-toward[1], -toward[0]))
    for i in range(4):
        off = (i - 1.5) * palm * 0.5 + rng.uniform(-3, 3)
        reach = palm * rng.uniform(0.35, 0.6)
        centre = np.array(grip) + across * off - toward * reach
        spread = degrees + (i - 1.5) * rng.uniform(0, 9)
        size = (int(palm * rng.uniform(0.55, 0.75)), int(palm * 0.22))
        cv2.ellipse(mask, (int(centre[0]), int(centre[1])), size, spread, 0, 360, 255, -1, cv2.LINE_AA)
    _shaded(picture, mask, showing.skin, rng)


def _thing(picture: Any, thing: Thing, centre: Any, size: float, angle: float, narrow: float) -> Box | None:
    height, width = thing.mask.shape
    unit = size / max(height, width)
    cos, sin = math.cos(angle) * unit, math.sin(angle) * unit
    matrix = np.array([[cos * narrow, -sin, 0], [sin * narrow, cos, 0]], np.float32)
    middle = matrix[:, :2] @ np.array([width / 2, height / 2])
    matrix[:, 2] = np.array(centre) - middle
    source, mask = thing.picture.astype(np.float32), thing.mask
    if unit < 0.6:
        source = np.asarray(cv2.GaussianBlur(source, (0, 0), 0.5 / unit), np.float32)
    shown = cv2.warpAffine(source, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    cover = cv2.warpAffine(mask, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR)
    box = cv2.boundingRect((cover > 0.5).astype(np.uint8))
    x, y, w, h = box
    part = (slice(max(y - 3, 0), y + h + 3), slice(max(x - 3, 0), x + w + 3))
    picture[part] += cover[part][..., None] * (shown[part] - picture[part])
    return tuple(float(v) for v in box) if box[2] and box[3] else None  # type: ignore[return-value]


def background(rng: np.random.Generator, textures: Sequence[NDArray[np.uint8]] = ()) -> NDArray[np.float32]:
    """A room before which things are shown, (480, 640, 3) float32 BGR: wall, furniture, table, and what lies about."""
    base = rng.uniform(60, 200, 3)
    coarse = base + rng.normal(0, 14, (6, 8, 3))
    wall = cv2.resize(coarse.astype(np.float32), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    for _ in range(int(rng.integers(8, 30))):
        x, y = int(rng.integers(-40, WIDTH)), int(rng.integers(-40, HEIGHT))
        w, h = int(rng.integers(15, 180)), int(rng.integers(15, 200))
        colour = tuple(float(v) for v in rng.uniform(20, 230, 3))
        if rng.random() < 0.7:
            cv2.rectangle(wall, (x, y), (x + w, y + h), colour, -1)
        else:
            cv2.ellipse(wall, (x, y), (w // 2, h // 2), float(rng.uniform(0, 180)), 0, 360, colour, -1, cv2.LINE_AA)
    for texture in textures:
        w = int(rng.integers(120, 320))
        small = cv2.resize(texture, (w, round(w * texture.shape[0] / texture.shape[1]))).astype(np.float32)
        x, y = int(rng.integers(0, WIDTH - 60)), int(rng.integers(0, HEIGHT - 60))
        part = small[: HEIGHT - y, : WIDTH - x]
        wall[y : y + part.shape[0], x : x + part.shape[1]] = part
    grain = cv2.resize(rng.normal(0, 8, (120, 160)).astype(np.float32), (WIDTH, HEIGHT))
    stripes = 6 * np.sin(np.arange(WIDTH, dtype=np.float32) / rng.uniform(2, 9))[None, :]
    wall = cv2.GaussianBlur(wall, (0, 0), 1.2) + (grain + stripes * (rng.random() < 0.5))[..., None]
    return np.asarray(np.clip(wall, 0, 255), np.float32)


def photographed(paths: Sequence[Path], rng: np.random.Generator, name: str = "") -> list[Thing]:
    """Things cut out of photographs: their middle, in the outline of a rounded, more or less regular body."""
    found = []
    for path in paths:
        picture = np.asarray(cv2.imread(str(path)), np.uint8)
        height, width = picture.shape[:2]
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        found.append(Thing(picture[top : top + side, left : left + side], outline(side, rng), name or path.parent.name))
    return found


def outline(side: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """The outline of a body that fills a square of `side` pixels in one direction at least, (side, side) float32."""
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j].astype(np.float32)
    power, thin = rng.uniform(2.0, 6.0), rng.uniform(0.5, 1.0)
    if rng.random() < 0.5:
        x, y = y, x
    angle = np.arctan2(y, x)
    bumps = 1 + 0.06 * np.sin(3 * angle + rng.uniform(0, 6)) + 0.04 * np.sin(5 * angle + rng.uniform(0, 6))
    body = (np.abs(x / thin) ** power + np.abs(y) ** power) ** (1 / power)
    return np.asarray(cv2.GaussianBlur((body < 0.96 / bumps).astype(np.float32), (0, 0), 0.8), np.float32)


RENDERED = ("ball", "mug", "book", "banana", "scissors")


def rendered(name: str, rng: np.random.Generator) -> Thing:
    """A drawing of a household thing of some colour, 200 pixels a side."""
    side = 200
    picture, mask = np.zeros((side, side, 3), np.float32), np.zeros((side, side), np.uint8)
    hue = np.array([[[rng.integers(180), 200, rng.integers(120, 240)]]], np.uint8)
    colour = cv2.cvtColor(hue, cv2.COLOR_HSV2BGR)[0, 0].astype(np.float64)
    second = 255 - colour
    draw: dict[str, Any] = {
        "ball": lambda: cv2.circle(mask, (100, 100), 95, 255, -1, cv2.LINE_AA),
        "mug": lambda: (
            cv2.rectangle(mask, (20, 30), (140, 185), 255, -1),
            cv2.ellipse(mask, (140, 105), (45, 50), 0, -90, 90, 255, 16, cv2.LINE_AA),
        ),
        "book": lambda: cv2.rectangle(mask, (30, 8), (170, 192), 255, -1),
        "banana": lambda: cv2.ellipse(mask, (100, 20), (85, 130), 0, 15, 165, 255, 38, cv2.LINE_AA),
        "scissors": lambda: (
            cv2.line(mask, (60, 10), (125, 130), 255, 14, cv2.LINE_AA),
            cv2.line(mask, (140, 10), (75, 130), 255, 14, cv2.LINE_AA),
            cv2.circle(mask, (62, 160), 28, 255, 14, cv2.LINE_AA),
            cv2.circle(mask, (138, 160), 28, 255, 14, cv2.LINE_AA),
        ),
    }
    draw[name]()
    picture[:] = colour
    if name in ("ball", "book", "mug"):
        for at in range(0, side, 50):
            cv2.rectangle(picture, (0, at), (side, at + 18), second.tolist(), -1)
    depth = cv2.distanceTransform((mask > 127).astype(np.uint8), cv2.DIST_L2, 3)
    picture *= (0.65 + 0.35 * np.clip(depth / 40, 0, 1))[..., None]
    return Thing(np.clip(picture, 0, 255).astype(np.uint8), mask.astype(np.float32) / np.float32(255), name)


def overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes."""
    left, top = max(one[0], other[0]), max(one[1], other[1])
    right, low = min(one[0] + one[2], other[0] + other[2]), min(one[1] + one[3], other[1] + other[3])
    both = max(0.0, right - left) * max(0.0, low - top)
    return both / (one[2] * one[3] + other[2] * other[3] - both)
