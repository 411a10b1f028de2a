# The Airflow image of the nightly sync: the official slim image, the locked packages and the code.
#
# The slim image has only Airflow: the lock decides every other package, and no unused provider can conflict with it.
# The tests run with this Python version. To pin the image itself: docs/deployment.md, "Pin the images".
FROM apache/airflow:slim-3.3.2-python3.11

ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="TIS sync" \
      org.opencontainers.image.description="The nightly sync jobs of TIS on Apache Airflow" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.base.name="docker.io/apache/airflow:slim-3.3.2-python3.11"

# What the image has beside Airflow: docs/dependencies.md lists the extras.
ARG EXTRAS="fab celery statsd"

# The packages come first because they rarely change: a new DAG does not install them again.
COPY requirements*.txt /opt/airflow/
# hadolint ignore=DL3013
RUN set -- --requirement /opt/airflow/requirements.txt \
    && for extra in ${EXTRAS}; do set -- "$@" --requirement "/opt/airflow/requirements-${extra}.txt"; done \
    && pip install --no-cache-dir --require-hashes "$@" \
    && pip check

# Of user airflow, as is a volume that is mounted there for the first time.
RUN mkdir /opt/airflow/state

# The code belongs to root: the processes of Airflow run as user airflow and cannot change it. COPY does not change the
# owner of a folder that the image has already. The sticky bit keeps others from renaming what belongs to root.
USER 0
RUN chown root:root /opt/airflow /opt/airflow/dags \
    && chmod 1775 /opt/airflow \
    && chmod 755 /opt/airflow/dags
USER 50000
COPY deploy/ /opt/airflow/deploy/
COPY include/ /opt/airflow/include/
COPY plugins/ /opt/airflow/plugins/
COPY dags/ /opt/airflow/dags/
# The page shows what the run-book says about an error.
COPY docs/operations.md /opt/airflow/docs/

# Airflow finds the plugins by itself; the scripts in deploy/ need this.
ENV PYTHONPATH=/opt/airflow/plugins
