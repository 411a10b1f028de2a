"""Removes environment variables of the user's shell that would change how the processes of the stack reach each other.

A proxy does not reach the servers of the stack, which listen on 127.0.0.1. libpq's variables PG* name another server
or change how its clients connect.
"""

import os
from collections.abc import Mapping, MutableMapping

from local.ports import HOST

NO_PROXY = ("NO_PROXY", "no_proxy")  # Python prefers the second one, other programs the first


def without_proxies_and_postgresql(environment: Mapping[str, str]) -> dict[str, str]:
    """For a process that reaches the servers of the stack only.

    NO_PROXY would not be enough: httpx refuses to create a client for a proxy of a kind that it does not support.
    """
    return {name: value for name, value in environment.items() if not (is_proxy(name) or is_postgresql(name))}


def drop_postgresql_settings(environment: MutableMapping[str, str] = os.environ) -> None:
    """Remove libpq's variables, so that this process and those that it starts connect as their code says."""
    for name in filter(is_postgresql, list(environment)):
        del environment[name]


def bypass_proxies(environment: MutableMapping[str, str] = os.environ) -> None:
    """Let requests to 127.0.0.1 bypass the proxies. Requests to other addresses still use them."""
    given = [host for name in NO_PROXY for host in environment.get(name, "").split(",") if host.strip()]
    for name in NO_PROXY:
        environment[name] = ",".join(dict.fromkeys([*given, HOST, "localhost"]))


def is_proxy(name: str) -> bool:
    """HTTP_PROXY, https_proxy, ALL_PROXY, NO_PROXY, ..."""
    return name.lower().endswith("_proxy")


def is_postgresql(name: str) -> bool:
    """PGSSLMODE, PGOPTIONS, PGPASSFILE, ..."""
    return name.startswith("PG")
