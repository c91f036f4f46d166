"""Addresses of messages, such as mail and webhooks. They hold passwords, so they are never shown or stored in clear."""

import re
from typing import Annotated

from pydantic import AfterValidator, Secret

from configs.redact import address_pattern, hidden_address, hide_address

_VARIABLE = re.compile(r"\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})")


def _remembered(address: str) -> str:
    address = address.strip()
    if not (_VARIABLE.fullmatch(address) or address_pattern.fullmatch(address)):
        raise ValueError("must be an address such as mailtos://..., or the name of a variable that holds one, as $NAME")
    hide_address(address)
    return address


class SecretAddress(Secret[Annotated[str, AfterValidator(_remembered)]]):
    """An address that may contain passwords and keys; shown, logged and stored as `mailtos://example.org/***`.

    `$NAME` or `${NAME}` stands for a variable of the environment that holds the address; it is shown as it is.
    """

    def _display(self) -> str:
        return self.get_secret_value() if self.variable else hidden_address(self.get_secret_value())

    @property
    def variable(self) -> str:
        """The name of the variable that holds the address; empty if the address itself was given."""
        found = _VARIABLE.fullmatch(self.get_secret_value())
        return (found[1] or found[2]) if found else ""

    @property
    def is_hidden(self) -> bool:
        """Whether this is what was left of an address when it was stored, with which nothing can be sent."""
        return self.get_secret_value() == hidden_address(self.get_secret_value())
