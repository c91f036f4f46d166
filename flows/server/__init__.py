"""The local Prefect server of a data folder, which only its owner drives, and the connection to it or to another one.

`lifecycle` starts, finds and stops it; `app` is its program, with `security` in front of Prefect's application;
`configured` reads which other server the user has set.
"""

from flows.server.key import dashboard, variables
from flows.server.lifecycle import down, free_port, is_own, is_protected, login, process_id, up, url
from flows.server.proxies import ask_loopback_directly

__all__ = [
    "ask_loopback_directly",
    "dashboard",
    "down",
    "free_port",
    "is_own",
    "is_protected",
    "login",
    "process_id",
    "up",
    "url",
    "variables",
]
