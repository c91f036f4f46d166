"""Whose requests the API answers."""

from collections.abc import Callable
from typing import Any

import pytest

from flows.api import hosts
from tasks.store.errors import UserError
from tests.flows.api.conftest import PORT, photo

Client = Callable[..., Any]
OWN = {"Content-Type": "image/jpeg", "Origin": f"http://127.0.0.1:{PORT}", "Sec-Fetch-Site": "same-origin"}


def test_programs_and_own_pages_are_answered(client: Client) -> None:
    for headers in ({"Content-Type": "image/jpeg"}, OWN):
        assert client().post("/predict", content=photo(9), headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Host": "127.0.0.1"}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
    ],
)
def test_other_sites_are_refused(client: Client, changed: dict[str, str], status: int) -> None:
    response = client().post("/predict", content=photo(9), headers=OWN | changed)
    assert (response.status_code, list(response.json())) == (status, ["error"])


def test_with_a_key_only_requests_with_it_are_answered(client: Client) -> None:
    api = client(key="k1")
    for given in ({}, {"Authorization": "k1"}, {"Authorization": "Bearer k2"}, {"Authorization": b"Bearer \xff"}):
        assert api.get("/health", headers=given).status_code == 401
    assert api.get("/health", headers={"Authorization": "Bearer k1", "Host": "photos.example"}).status_code == 200


def test_other_machines_need_a_key() -> None:
    hosts.check("127.0.0.1", None)
    hosts.check("::1", None)
    hosts.check("0.0.0.0", "k1")
    with pytest.raises(UserError, match="set FLUKE_API_KEY to a key"):
        hosts.check("0.0.0.0", None)
    with pytest.raises(UserError, match="--host localhost is not an IP address"):
        hosts.check("localhost", None)
