"""Generates elasticsearch_role.json, the permissions of the user sync_jobs, from the index definitions.

PYTHONPATH=plugins python deploy/write_elasticsearch_role.py
"""

import json
from pathlib import Path

from sync_jobs.index_definitions import INDEX_DEFINITIONS

FILE = Path(__file__).with_name("elasticsearch_role.json")


def role() -> str:
    """The body of the request that creates the role: all permissions on the jobs' own indices, none on any others."""
    names = [name for definition in INDEX_DEFINITIONS for name in (definition.alias, f"{definition.alias}-*")]
    content = {"cluster": ["monitor"], "indices": [{"names": names, "privileges": ["all"]}]}
    return json.dumps(content, indent=2) + "\n"


if __name__ == "__main__":
    FILE.write_text(role(), encoding="utf-8")
