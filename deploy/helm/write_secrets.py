"""Prints the Secrets that values.yaml names, as JSON for kubectl, from the variables of .env.

    python3 -m deploy.helm.write_secrets .env | kubectl apply --namespace tis-sync --filename -

    tis-sync            keys of Airflow, passwords, and the connections of the jobs
    tis-sync-metadata   the address of Airflow's metadata database
    tis-sync-broker     the address of the chart's Redis, for CeleryExecutor

It needs nothing but Python.
"""

import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

from deploy.write_connections import connections

RELEASE = "tis-sync"


def variables_of(text: str) -> dict[str, str]:
    """The variables of a file such as .env. A value may be in single quotes, as for Compose."""
    lines = (line.strip() for line in text.splitlines())
    variables = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    return {name: _unquoted(value) for name, value in variables.items()}


def _unquoted(value: str) -> str:
    quoted = len(value) > 1 and value[0] == value[-1] == "'"
    return value[1:-1] if quoted else value


def metadata_address(variables: dict[str, str]) -> str:
    """The address that deploy/metadata_url.sh makes in docker-compose.yaml."""
    login = ":".join(quote(variables[f"AIRFLOW_POSTGRES_{name}"], safe="") for name in ("USER", "PASSWORD"))
    host, port = variables["AIRFLOW_POSTGRES_HOST"], variables["AIRFLOW_POSTGRES_PORT"]
    address = f"postgresql+psycopg2://{login}@{host}:{port}/{variables['AIRFLOW_POSTGRES_DATABASE']}"
    address += f"?sslmode={variables['AIRFLOW_POSTGRES_SSLMODE']}"
    authority = variables["AIRFLOW_POSTGRES_CA"]
    return f"{address}&sslrootcert={authority}" if authority else address


def secrets(variables: dict[str, str]) -> dict[str, Any]:
    """The list of the three Secrets."""
    made = connections(variables)
    redis_password = variables["REDIS_PASSWORD"]
    contents = {
        "tis-sync": {
            "fernet-key": variables["AIRFLOW_FERNET_KEY"],
            "api-secret-key": variables["AIRFLOW_API_SECRET_KEY"],
            "jwt-secret": variables["AIRFLOW_JWT_SECRET"],
            "admin-password": variables["AIRFLOW_ADMIN_PASSWORD"],
            "oidc-client-secret": variables["OIDC_CLIENT_SECRET"],
            "password": redis_password,  # the name that the chart expects
            "tcs-postgres": json.dumps(made["tcs_postgres"]),
            "tcs-elasticsearch": json.dumps(made["tcs_elasticsearch"]),
        },
        "tis-sync-metadata": {"connection": metadata_address(variables)},
        "tis-sync-broker": {"connection": f"redis://:{quote(redis_password, safe='')}@{RELEASE}-redis:6379/0"},
    }
    return {
        "apiVersion": "v1",
        "kind": "List",
        "items": [
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": content}
            for name, content in contents.items()
        ],
    }


if __name__ == "__main__":
    print(json.dumps(secrets(variables_of(Path(sys.argv[1]).read_text(encoding="utf-8"))), indent=2))
