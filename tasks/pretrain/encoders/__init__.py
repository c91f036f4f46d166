"""The kinds of encoders, one module each.

A module defines

- `build(config, kept=FOLDER, tiles=FOLDER, context=StageContext) -> Encoder`: writes encoder.keras, if there is one.
- `external_inputs(config)`: what decides the result besides the settings, such as the digest of a user's file.
- `accept_stale(config, candidate, kept=FOLDER, tiles=FOLDER)`: why a stored encoder can be reused; None if it cannot.
- `dynamic_modules(config)`: the modules that the settings name.
"""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Encoder:
    """What a module of this package has built."""

    digest: str
    """Digest of the weights; it decides whether features can be reused."""
    counts: dict[str, int | float]
    """For the dashboard and the terminal."""
    info: dict[str, Any] = field(default_factory=dict)
    """Further fields of encoder.json. `kind` says as which kind later stages treat it, if not as the module's own."""
