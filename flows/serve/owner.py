"""Whose deployments these are: two that serve the same name would overwrite each other's."""

import socket
from datetime import datetime, timedelta
from pathlib import Path

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.responses import DeploymentResponse
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import ObjectNotFound

from tasks.store.errors import UserError

_POLLED_WITHIN_S = 60
"""`serve` asks for runs every 10 s; who has not asked for this long has ended."""


def sentence(root: Path) -> str:
    """Say who serves, for the descriptions of deployments: this machine, and the data folder."""
    return f"Served on {socket.gethostname()} with the data folder {root}."


def read(client: SyncPrefectClient, nightly: RunnerDeployment) -> DeploymentResponse | None:
    """Read what the server has of a scheduled deployment; None if nobody has served it yet."""
    try:
        return client.read_deployment_by_name(nightly.full_name)
    except ObjectNotFound:
        return None


def refuse_if_served(standing: DeploymentResponse | None, name: str, root: Path, now: datetime) -> None:
    """Raise UserError if somebody else serves deployments of this name: with another data folder, or elsewhere.

    A second `serve` with the same data folder is refused by `flows.preflight.only_serve`, before this.
    """
    if standing is None or standing.last_polled is None or sentence(root) in (standing.description or ""):
        return
    if standing.paused:  # as `serve` leaves its deployments on its own server
        return
    if now - standing.last_polled < timedelta(seconds=_POLLED_WITHIN_S):
        said = [line for line in (standing.description or "").splitlines() if line.startswith("Served on ")]
        where = said[0][0].lower() + said[0][1:].rstrip(".") if said else "served by somebody else"
        raise UserError(
            f"{name} is {where}; stop that `fluke serve` and wait a minute, or give this preset another name (name: in "
            "its YAML file)"
        )
