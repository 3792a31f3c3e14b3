"""At which address the page may be served, and by which certificate."""

import ipaddress
import ssl

from page.access.guard import is_loopback
from page.config import PageConfig
from sensors.core.errors import ConfigError


def check_page(config: PageConfig) -> None:
    """Refuse to serve other machines without a certificate.

    Raises:
        ConfigError: the address is none, or is no loopback address and there is no certificate.
    """
    try:
        ipaddress.ip_address(config.address)
    except ValueError:
        if config.address != "localhost":
            raise ConfigError(
                f"--page-address {config.address}: expected an address of this machine, such as 0.0.0.0"
            ) from None
    if (config.cert is None) != (config.key is None):
        missing, given = ("--page-key", "--page-cert") if config.key is None else ("--page-cert", "--page-key")
        raise ConfigError(f"{given}: give {missing}, too")
    if not is_loopback(config.address) and config.cert is None:
        raise ConfigError(
            f"--page-address {config.address}: other machines are served with a certificate alone;\n"
            "give --page-cert and --page-key, or leave the address away and use ssh -L"
        )
    tls_context(config)


def tls_context(config: PageConfig) -> ssl.SSLContext | None:
    """The certificate, ready for use; None where there is none.

    Raises:
        ConfigError: it cannot be used.
    """
    if config.cert is None or config.key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(config.cert, config.key, password=lambda: b"")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, FileNotFoundError | PermissionError) else str(error)
        raise ConfigError(
            f"--page-cert {config.cert}, --page-key {config.key}: cannot be used ({why}); "
            "give a certificate and its key without a password, both PEM"
        ) from None
    return context
