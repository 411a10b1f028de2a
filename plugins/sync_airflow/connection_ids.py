"""The ids of the Airflow connections, without an import of Airflow, which takes seconds."""

POSTGRES = "tcs_postgres"
ELASTICSEARCH = "tcs_elasticsearch"
