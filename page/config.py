"""Settings of the page."""

from dataclasses import dataclass

from sensors.core.config import Config, setting

DEFAULT_PORT = 8270
"""Port of the page where no other is given."""


@dataclass(frozen=True)
class PageConfig(Config):
    """The page: where it is served, to whom, and what it may take."""

    port: int | None = setting(
        DEFAULT_PORT,
        help="serve the run's page at this port, or at the next free one; none: no page",
        low=1,
        high=65_435,
    )
    address: str = setting(
        "127.0.0.1",
        help="address at which the page is served; one that other machines reach needs page.cert and page.key, and the "
        "page then asks for a token",
    )
    cert: str | None = setting(None, help="PEM file of the page's certificate (HTTPS); none: HTTP")
    key: str | None = setting(None, help="PEM file of the certificate's private key")
    viewers: int = setting(32, help="viewers that are sent events at one time", low=1, high=1024)
    connections: int = setting(256, help="connections at one time", low=8, high=10_000)
    connections_each: int = setting(128, help="connections of one address at one time", low=4, high=10_000)
    upload_mib: int = setting(8, help="largest upload that is taken", unit="MiB", low=1, high=64)
    shares: int = setting(
        16, help="connections at one time by which browsers share their microphone and camera", low=0, high=256
    )
    questions: int = setting(50, help="newest questions that are kept with their answers", low=1, high=10_000)
    known: int = setting(
        400, help="samples of each sense with which a question is compared, and which the map shows", low=16, high=8192
    )
    refresh: float = setting(
        5.0,
        help="time between two looks for newer weights, while somebody watches or asks",
        unit="s",
        low=0.1,
        high=3600.0,
    )
    niceness: int = setting(5, help="how far the page gives way to the learner (Unix nice)", low=0, high=19)
    longest: float = setting(1.5, help="length at which an evoked sound is cut", unit="s", low=0.3, high=5.5)
