"""Prints the connections of the jobs as JSON, for `airflow connections import`.

They come from the environment, as docker-compose.yaml sets it. Passwords and the API key are read from files, whose
names are in NAME_FILE.
"""

import json
import os
from pathlib import Path
from typing import Any


def connections(environment: dict[str, str]) -> dict[str, dict[str, Any]]:
    """The fields of tcs_postgres and tcs_elasticsearch."""
    return {"tcs_postgres": _postgres(environment), "tcs_elasticsearch": _elasticsearch(environment)}


def _postgres(environment: dict[str, str]) -> dict[str, Any]:
    extra = {"sslmode": environment["TCS_POSTGRES_SSLMODE"], "sslrootcert": environment.get("TCS_POSTGRES_CA")}
    return {
        "conn_type": "postgres",
        "host": environment["TCS_POSTGRES_HOST"],
        "port": int(environment["TCS_POSTGRES_PORT"]),
        "schema": environment["TCS_POSTGRES_DATABASE"],
        "login": environment["SYNC_POSTGRES_USER"],
        "password": _secret(environment, "SYNC_POSTGRES_PASSWORD"),
        "extra": _filled(extra),
    }


def _elasticsearch(environment: dict[str, str]) -> dict[str, Any]:
    """With an API key instead of user and password, if there is one."""
    api_key = _secret(environment, "ELASTICSEARCH_API_KEY")
    extra = {"ca_certs": environment.get("ELASTICSEARCH_CA"), "api_key": api_key}
    login = {
        "login": environment["SYNC_ELASTICSEARCH_USER"],
        "password": _secret(environment, "SYNC_ELASTICSEARCH_PASSWORD"),
    }
    return {
        "conn_type": "elasticsearch",
        "host": environment["ELASTICSEARCH_HOST"],
        "port": int(environment["ELASTICSEARCH_PORT"]),
        "schema": environment["ELASTICSEARCH_SCHEME"],
        "extra": _filled(extra),
    } | ({} if api_key else login)


def _secret(environment: dict[str, str], name: str) -> str:
    """From the file that NAME_FILE names, or from NAME itself. Compose may create no file for an empty variable."""
    path = environment.get(f"{name}_FILE")
    if path is None:
        return environment[name]
    file = Path(path)
    return file.read_text(encoding="utf-8").strip() if file.exists() else ""


def _filled(values: dict[str, str | None]) -> str:
    return json.dumps({name: value for name, value in values.items() if value})


if __name__ == "__main__":
    print(json.dumps(connections(dict(os.environ))))
