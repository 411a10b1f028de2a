"""Logins of the FAB auth manager: accounts in Airflow's database or, with OIDC_ISSUER, through OpenID Connect.

Airflow reads this file (AIRFLOW__FAB__CONFIG_FILE). With OpenID Connect, the groups of the client's token decide the
role at each login: sync-viewer, sync-operator, sync-admin. A user without one of them sees nothing.

    OIDC_ISSUER                such as https://login.example.org/realms/tis, a realm of Keycloak
    OIDC_CLIENT_ID             a confidential client; its redirect URI is ADDRESS/auth/oauth-authorized/keycloak
    OIDC_CLIENT_SECRET_FILE    file with its secret
"""

import os
from pathlib import Path

from flask_appbuilder.const import AUTH_DB, AUTH_OAUTH  # type: ignore[import-untyped]  # it ships no types

WTF_CSRF_ENABLED = True
AUTH_TYPE = AUTH_DB

issuer = os.environ.get("OIDC_ISSUER", "").rstrip("/")
if issuer:
    AUTH_TYPE = AUTH_OAUTH
    AUTH_USER_REGISTRATION = True
    AUTH_USER_REGISTRATION_ROLE = "Public"  # has no permission at all
    AUTH_ROLES_SYNC_AT_LOGIN = True
    AUTH_ROLES_MAPPING = {"sync-viewer": ["Viewer"], "sync-operator": ["Operator"], "sync-admin": ["Admin"]}
    OAUTH_PROVIDERS = [
        {
            "name": "keycloak",
            "icon": "fa-key",
            "token_key": "access_token",
            "remote_app": {
                "client_id": os.environ["OIDC_CLIENT_ID"],
                "client_secret": Path(os.environ["OIDC_CLIENT_SECRET_FILE"]).read_text(encoding="utf-8").strip(),
                "server_metadata_url": f"{issuer}/.well-known/openid-configuration",
                "api_base_url": f"{issuer}/protocol/",
                "client_kwargs": {"scope": "openid email profile"},
            },
        }
    ]
