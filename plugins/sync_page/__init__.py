"""The page at /sync/ and its HTTP interface, inside Airflow's API server.

    app, asgi            the application, and how the API server mounts it
    pages                the page of a night, and the login
    form_pages           the forms that start runs, and the checks of search
    stop_form            the form that stops a run
    forms                what all forms share
    page_view, timeline  what the templates show besides the night itself
    run_forms            the fields of the forms, and the conf of a run from them
    words, rendering     how times and numbers are written; renders the templates
    interface            addresses that start runs, also those that clients of the running service use
    night_interface      addresses for scripts and monitors: a night, who did what, the search index, health
    answers, night_view  the schemas of answers
    api_page             the OpenAPI description, and the page that shows it
    errors               how errors are answered
    database_down        what is answered while Airflow's database is down
    access, rights       who may view and run
    arguments            checks the body of a request that starts a run
    starting, stopping   starts a run, unless one is active; stops one
    snapshot             one snapshot of everything, shared among all callers
    shared_read          one read a second, however many ask
    index_checks         checks of the search index on request
    templates/, static/  HTML; CSS, JavaScript and icons

May import sync_airflow and sync_jobs; must not import local.
"""
