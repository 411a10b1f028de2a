"""The page at /sync/ and its HTTP interface, inside Airflow's API server.

    app, asgi          the application, and how the API server mounts it
    interface          the addresses below api/ and their answers
    errors             how errors are answered
    access             who may view and run
    arguments          checks the body of a request that starts a run
    starting           starts a run, unless one is active
    status, task_news  the jobs, from Airflow's metadata database
    search_state       the search index, from Elasticsearch
    static/            HTML, CSS and JavaScript

May import sync_airflow and sync_jobs; must not import local.
"""
