"""docker-compose.yaml as Compose reads it, with values of a test in place of .env."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE_FILE = ROOT / "docker-compose.yaml"
COMPOSE_TEXT = COMPOSE_FILE.read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]

# ${NAME} or ${NAME:-default}; $$ is a dollar sign meant for the container.
VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)(?::-([^}]*))?\}")


def filled_in(value: str, variables: Mapping[str, str]) -> str:
    """A text of the file with its variables replaced. As in Compose, an empty value counts as not set."""
    return VARIABLE.sub(lambda match: variables.get(match[1]) or match[2] or "", value).replace("$$", "$")


def environment_of(service: str, variables: Mapping[str, str], folders: Mapping[str, Path]) -> dict[str, str]:
    """The environment of a service. folders: where folders of the container are in the test."""
    made = {name: filled_in(str(value), variables) for name, value in SERVICES[service]["environment"].items()}
    for inside, outside in folders.items():
        made = {name: value.replace(inside, str(outside)) for name, value in made.items()}
    return made


def secrets_of(service: str) -> dict[str, str]:
    """The variable of .env for each secret of a service."""
    return {name: COMPOSE["secrets"][name]["environment"] for name in SERVICES[service].get("secrets", ())}


def write_secrets(folder: Path, service: str, variables: Mapping[str, str]) -> None:
    """The files that Compose puts into /run/secrets: none for an empty value."""
    folder.mkdir(exist_ok=True)
    for name, variable in secrets_of(service).items():
        if variables.get(variable):
            (folder / name).write_text(variables[variable], encoding="utf-8")
