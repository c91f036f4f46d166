"""The program of a data folder's server: Prefect's server, with our checks in front of it.

`python -P -m flows.server.app --port 4200`, in the folder `server` of the data folder, with Prefect's settings in the
environment; `flows.server.lifecycle` starts it.
"""

import argparse
import sys
from pathlib import Path

from starlette.types import ASGIApp

from flows.server.own_pages import with_own_pages
from flows.server.process import HOST, lock
from flows.server.security import LocalOnlyMiddleware


def protect(prefect: ASGIApp) -> ASGIApp:
    """Return Prefect's application with the login page, and with our checks in front of both."""
    return LocalOnlyMiddleware(with_own_pages(prefect))


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(description="The Prefect server of a data folder")
    parser.add_argument("--port", type=int, required=True)
    port: int = parser.parse_args().port
    held = lock(Path.cwd())
    if held is None:
        sys.exit("another server uses this database")
    import uvicorn
    from prefect.server.api.server import create_app
    from prefect.server.services.perpetual_services import perpetual_service
    from prefect.settings import get_current_settings

    from flows.server import sqlite
    from flows.server.zombies import crash_zombies

    sqlite.begin_immediately()
    perpetual_service(enabled_getter=lambda: True)(crash_zombies)

    api = get_current_settings().server.api
    uvicorn.run(
        protect(create_app(final=True)),
        host=HOST,
        port=port,
        timeout_keep_alive=api.keepalive_timeout,
        ws_ping_interval=api.websocket_ping_interval,
        ws_ping_timeout=api.websocket_ping_timeout,
        log_level="warning",
        proxy_headers=False,
    )


if __name__ == "__main__":
    main()
