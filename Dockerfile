# The Airflow image of the nightly sync: the official slim image, our lock, our code.
#
# Slim, since it holds Airflow alone: the lock then decides every other package, and no provider that
# nobody uses here can disagree with it. The Python version is the one that the lock was made and tested for.
FROM apache/airflow:slim-3.3.2-python3.11

# First what seldom changes: a new DAG does not install the packages again.
COPY requirements.txt /opt/airflow/requirements.txt
RUN pip install --no-cache-dir --require-hashes --requirement /opt/airflow/requirements.txt

# Owned by root: the processes of Airflow, which run as user airflow, cannot change their own code.
COPY deploy/set_up_airflow.sh deploy/start_api_server.sh /opt/airflow/deploy/
COPY airflow_settings.yaml /opt/airflow/
COPY include/ /opt/airflow/include/
COPY plugins/ /opt/airflow/plugins/
COPY dags/ /opt/airflow/dags/

# Airflow finds the plugins by itself; the scripts of deploy/ find them here.
ENV PYTHONPATH=/opt/airflow/plugins
