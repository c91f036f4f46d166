"""Which addresses `fluke api` may listen on."""

import ipaddress

from tasks.store.errors import UserError


def check(host: str, key: str | None) -> None:
    """Raise UserError if an address isn't one, or isn't of this machine only and there is no key."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError as error:
        raise UserError(f"--host {host} is not an IP address; give one such as 127.0.0.1") from error
    if not address.is_loopback and not key:
        raise UserError(
            f"--host {host}: other machines could use the model: set FLUKE_API_KEY to a key that requests must contain "
            'as "Authorization: Bearer KEY", or leave --host out'
        )
