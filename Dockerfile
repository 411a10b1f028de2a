# The Airflow image of the nightly sync: the official slim image, the locked packages and the code.
#
# The slim image has only Airflow: the lock decides every other package, and no unused provider can conflict with it.
# The tests run with this Python version.
FROM apache/airflow:slim-3.3.2-python3.11

# The packages come first because they rarely change: a new DAG does not install them again.
COPY requirements.txt /opt/airflow/requirements.txt
RUN pip install --no-cache-dir --require-hashes --requirement /opt/airflow/requirements.txt

# Owned by root: the processes of Airflow run as user airflow and cannot change their own code.
COPY deploy/set_up_airflow.sh deploy/start_api_server.sh /opt/airflow/deploy/
COPY airflow_settings.yaml /opt/airflow/
COPY include/ /opt/airflow/include/
COPY plugins/ /opt/airflow/plugins/
COPY dags/ /opt/airflow/dags/
# The page shows what the run-book says about an error.
COPY docs/operations.md /opt/airflow/docs/

# Airflow finds the plugins by itself; the scripts in deploy/ need this.
ENV PYTHONPATH=/opt/airflow/plugins
