"""Creates the role Operator and the first administrator in Airflow's database (FAB auth manager). Repeatable.

    Viewer     Airflow's own: sees the DAGs, their runs and logs, and the page at /sync/
    Operator   Viewer, and may start, stop and repeat runs of the DAGs of this project, and of no others
    Admin      Airflow's own: everything

An administrator that exists keeps his password: `airflow users reset-password --username admin` sets another.

    AIRFLOW_ADMIN_PASSWORD_FILE   file with the password of the user admin
"""

import os
from pathlib import Path

from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder
from airflow.providers.fab.auth_manager.security_manager.override import FabAirflowSecurityManagerOverride
from airflow.providers.fab.www.security import permissions

from sync_airflow.dag_ids import DAG_IDS

OPERATOR = "Operator"
ADMINISTRATOR = "admin"


def operator_permissions() -> list[tuple[str, str]]:
    """Actions and resources. Starting a run needs the right to create runs and to edit that DAG."""
    may_create, may_edit = permissions.ACTION_CAN_CREATE, permissions.ACTION_CAN_EDIT
    runs, tasks = permissions.RESOURCE_DAG_RUN, permissions.RESOURCE_TASK_INSTANCE
    return [
        *FabAirflowSecurityManagerOverride.VIEWER_PERMISSIONS,
        *((action, resource) for resource in (runs, tasks) for action in (may_create, may_edit)),
        *((may_edit, permissions.resource_name(dag_id, permissions.RESOURCE_DAG)) for dag_id in DAG_IDS),
    ]


def set_up(security: FabAirflowSecurityManagerOverride, password: str) -> None:
    security.sync_roles()
    security.bulk_sync_roles([{"role": OPERATOR, "perms": operator_permissions()}])
    if security.find_user(username=ADMINISTRATOR) is None:
        security.add_user(
            username=ADMINISTRATOR,
            first_name="Administrator",
            last_name="TIS sync",
            email="admin@localhost",
            role=security.find_role("Admin"),
            password=password,
        )


if __name__ == "__main__":
    with get_application_builder() as builder:
        password_file = Path(os.environ["AIRFLOW_ADMIN_PASSWORD_FILE"])
        set_up(builder.sm, password_file.read_text(encoding="utf-8").strip())
    print(f"Airflow: role {OPERATOR} and user {ADMINISTRATOR} are in place.")
