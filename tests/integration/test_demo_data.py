"""The demo data: repeatable, realistic in its proportions, and awkward in every way that real data is."""

from datetime import date
from typing import Any

import psycopg
import pytest
from psycopg import sql

from local.demo_data import TABLES, DatabaseNotEmpty, load_demo_data

Connection = psycopg.Connection[Any]

RUN_DATE = date(2026, 3, 17)
PERSONS = 4_000
NOTHING = dict.fromkeys(TABLES, 0)

# What is incomplete or dangling, and the rows that are.
AWKWARD = {
    "a person without contact details": "FROM person WHERE id NOT IN (SELECT id FROM contact_details)",
    "a person without surname": "FROM contact_details WHERE surname IS NULL AND forenames IS NOT NULL",
    "a person without forenames": "FROM contact_details WHERE forenames IS NULL AND surname IS NOT NULL",
    "a person without email": "FROM contact_details WHERE email IS NULL",
    "a person without role": "FROM person WHERE role IS NULL",
    "a person with an empty role": "FROM person WHERE role = ''",
    "a person with several roles": "FROM person WHERE role ~ ','",
    "a person with a public health number": "FROM person WHERE public_health_number ~ '^FR'",
    "a deleted person": "FROM person WHERE status = 'DELETE'",
    "a doctor without GMC details": """
        FROM person WHERE id NOT IN (SELECT id FROM gmc_details) AND id NOT IN (SELECT id FROM gdc_details)""",
    "a GMC number that is missing": "FROM gmc_details WHERE gmc_number IS NULL",
    "a GMC number of seven digits": "FROM gmc_details WHERE gmc_number ~ '^[0-9]{7}$'",
    "a GDC number that is missing": "FROM gdc_details WHERE gdc_number IS NULL",
    "a person registered at both": "FROM gmc_details INNER JOIN gdc_details USING (id)",
    "a person without membership": "FROM person WHERE id NOT IN (SELECT person_id FROM programme_membership)",
    "a person without placement": "FROM person WHERE id NOT IN (SELECT trainee_id FROM placement)",
    "a name with an apostrophe": "FROM contact_details WHERE surname ~ ''''",
    "a name with a hyphen": "FROM contact_details WHERE surname ~ '-'",
    "a name with a space": "FROM contact_details WHERE surname ~ ' '",
    "a name with an accent": "FROM contact_details WHERE forenames ~ '[áéíóúöüñçł]'",
    "a name in another script": "FROM contact_details WHERE surname ~ '[Ͱ-ϿЀ-ӿ一-鿿]'",
    "a membership without start": "FROM programme_membership WHERE programme_start_date IS NULL",
    "a membership without end": "FROM programme_membership WHERE programme_end_date IS NULL",
    "a membership without programme": "FROM programme_membership WHERE programme_id IS NULL",
    "a membership of a missing programme": """
        FROM programme_membership WHERE programme_id NOT IN (SELECT id FROM programme)""",
    "a membership of a missing person": "FROM programme_membership WHERE person_id NOT IN (SELECT id FROM person)",
    "a membership without curriculum": """
        FROM programme_membership
        WHERE uuid NOT IN (SELECT programme_membership_uuid FROM curriculum_membership)""",
    "a membership with two curricula": """
        FROM (SELECT FROM curriculum_membership GROUP BY programme_membership_uuid HAVING count(*) > 1) AS pair""",
    "a curriculum of a missing membership": """
        FROM curriculum_membership WHERE programme_membership_uuid NOT IN (SELECT uuid FROM programme_membership)""",
    "a placement without start": "FROM placement WHERE date_from IS NULL AND date_to IS NOT NULL",
    "a placement without end": "FROM placement WHERE date_to IS NULL AND date_from IS NOT NULL",
    "a placement without dates": "FROM placement WHERE date_from IS NULL AND date_to IS NULL",
    "a placement with its dates swapped": "FROM placement WHERE date_from > date_to",
    "a placement without post": "FROM placement WHERE post_id IS NULL",
    "a placement in a missing post": "FROM placement WHERE post_id NOT IN (SELECT id FROM post)",
    "a placement of a missing person": "FROM placement WHERE trainee_id NOT IN (SELECT id FROM person)",
    "a placement without site": "FROM placement WHERE site_id IS NULL AND site_code IS NULL",
    "a placement with a site code alone": "FROM placement WHERE site_id IS NULL AND site_code IS NOT NULL",
    "a placement without type": "FROM placement WHERE placement_type IS NULL",
    "a placement without PRIMARY specialty": """
        FROM placement WHERE id NOT IN (
            SELECT placement_id FROM placement_specialty WHERE placement_specialty_type = 'PRIMARY'
        )""",
    "a placement with two PRIMARY specialties": """
        FROM (
            SELECT FROM placement_specialty WHERE placement_specialty_type = 'PRIMARY'
            GROUP BY placement_id HAVING count(*) > 1
        ) AS pair""",
    "a missing specialty": "FROM placement_specialty WHERE specialty_id NOT IN (SELECT id FROM specialty)",
    "a programme without owner": "FROM programme WHERE owner IS NULL",
    "a programme without number": "FROM programme WHERE programme_number IS NULL",
    "a post without owner": "FROM post WHERE owner IS NULL",
    "a post without employing body": "FROM post WHERE employing_body_id IS NULL",
    "a post without training body": "FROM post WHERE training_body_id IS NULL",
    "a post trained by another body": "FROM post WHERE training_body_id <> employing_body_id",
    "a post without funding": "FROM post WHERE id NOT IN (SELECT post_id FROM post_funding)",
    "a funding without dates": "FROM post_funding WHERE start_date IS NULL AND end_date IS NULL",
    "a funding of a missing post": "FROM post_funding WHERE post_id NOT IN (SELECT id FROM post)",
    "two current placements that are alike": """
        FROM placement AS one INNER JOIN placement AS other
            ON one.trainee_id = other.trainee_id AND one.id < other.id AND one.post_id = other.post_id
        WHERE %(run_date)s BETWEEN one.date_from AND one.date_to
            AND %(run_date)s BETWEEN other.date_from AND other.date_to""",
    "two current placements that differ": """
        FROM placement AS one INNER JOIN placement AS other
            ON one.trainee_id = other.trainee_id AND one.id < other.id AND one.site_code <> other.site_code
        WHERE %(run_date)s BETWEEN one.date_from AND one.date_to
            AND %(run_date)s BETWEEN other.date_from AND other.date_to""",
}

# What the jobs find to do on the run date.
WORK = {
    "fundings that ended yesterday, with the post CURRENT still": """
        FROM post WHERE funding_status = 'CURRENT'
            AND EXISTS (
                SELECT FROM post_funding AS funding
                WHERE funding.post_id = post.id AND start_date IS NOT NULL AND end_date = %(run_date)s - 1
            )
            AND NOT EXISTS (
                SELECT FROM post_funding AS funding
                WHERE funding.post_id = post.id AND (end_date IS NULL OR end_date >= %(run_date)s)
            )""",
    "fundings that ended yesterday beside one that goes on": """
        FROM post_funding AS ended INNER JOIN post_funding AS other ON ended.post_id = other.post_id
        WHERE ended.end_date = %(run_date)s - 1 AND other.end_date IS NULL""",
    "fundings that end on the run date": "FROM post_funding WHERE end_date = %(run_date)s",
    "programmes that start on the run date, with the person INACTIVE still": """
        FROM person INNER JOIN programme_membership ON person.id = person_id
        WHERE programme_start_date = %(run_date)s AND person.status = 'INACTIVE'""",
    "programmes that ended yesterday, with the person CURRENT still": """
        FROM person WHERE status = 'CURRENT'
            AND EXISTS (
                SELECT FROM programme_membership AS membership
                WHERE membership.person_id = person.id AND programme_end_date = %(run_date)s - 1
            )
            AND NOT EXISTS (
                SELECT FROM programme_membership AS membership
                WHERE membership.person_id = person.id
                    AND %(run_date)s BETWEEN programme_start_date AND programme_end_date
            )""",
    "placements that end on the run date": "FROM placement WHERE date_to = %(run_date)s",
    "placements that start on the run date": "FROM placement WHERE date_from = %(run_date)s",
    "placements that start the day after": "FROM placement WHERE date_from = %(run_date)s + 1",
    "past placements": "FROM placement WHERE date_to < %(run_date)s",
    "future placements": "FROM placement WHERE date_from > %(run_date)s",
    "past memberships": "FROM programme_membership WHERE programme_end_date < %(run_date)s",
    "future memberships": "FROM programme_membership WHERE programme_start_date > %(run_date)s",
}


@pytest.fixture
def demo(tcs: Connection) -> Connection:
    load_demo_data(tcs, PERSONS, RUN_DATE)
    return tcs


def count(connection: Connection, rows: str) -> int:
    row = psycopg.ClientCursor(connection).execute(f"SELECT count(*) {rows}", {"run_date": RUN_DATE}).fetchone()
    assert row is not None
    return int(row[0])


def share(connection: Connection, rows: str, of: str) -> float:
    return count(connection, rows) / count(connection, of)


def fingerprints(
    connection: Connection, persons: int, run_date: date, seed: int = 1, time_zone: str = "UTC"
) -> dict[str, str]:
    """A hash of all rows of each table, as loaded into the empty database, which is empty again afterwards."""
    with connection.transaction(force_rollback=True):
        connection.execute("SELECT set_config('TimeZone', %s, true)", (time_zone,))
        load_demo_data(connection, persons, run_date, seed)
        connection.execute("SET LOCAL TimeZone = 'UTC'")
        return {table: _fingerprint(connection, table) for table in TABLES}


def _fingerprint(connection: Connection, table: str) -> str:
    query = sql.SQL("SELECT md5(string_agg(r::text, '/' ORDER BY r::text COLLATE \"C\")) FROM {} AS r")
    row = connection.execute(query.format(sql.Identifier(table))).fetchone()
    assert row is not None
    return str(row[0])


def test_the_same_seed_size_and_date_give_the_same_rows_in_any_time_zone(tcs: Connection) -> None:
    assert fingerprints(tcs, 500, RUN_DATE) == fingerprints(tcs, 500, RUN_DATE, time_zone="Pacific/Auckland")


def test_another_seed_gives_other_rows(tcs: Connection) -> None:
    one, other = (fingerprints(tcs, 500, RUN_DATE, seed) for seed in (1, 2))
    # Specialties are a fixed list.
    assert {table for table in TABLES if one[table] == other[table]} <= {"specialty"}


def test_every_kind_of_incompleteness_is_there(demo: Connection) -> None:
    assert [what for what, rows in AWKWARD.items() if count(demo, rows) == 0] == []


def test_there_is_work_for_the_jobs_on_the_run_date(demo: Connection) -> None:
    assert [what for what, rows in WORK.items() if count(demo, rows) == 0] == []
    assert [count(demo, f"FROM {table}") for table in ("person_owner", "person_trust", "post_trust")] == [0, 0, 0]


def test_proportions_are_those_of_the_real_system(tcs: Connection) -> None:
    rows = load_demo_data(tcs, PERSONS, RUN_DATE)

    assert rows == {table: count(tcs, f"FROM {table}") for table in TABLES}
    assert rows["person"] == PERSONS
    assert rows["placement"] / PERSONS == pytest.approx(3.5, abs=0.3)
    assert rows["programme_membership"] / PERSONS == pytest.approx(2, abs=0.2)
    assert rows["post"] / PERSONS == pytest.approx(0.3, abs=0.01)
    assert rows["programme"] > 500
    assert count(tcs, "FROM (SELECT employing_body_id FROM post GROUP BY 1) AS body") > 250
    assert count(tcs, "FROM (SELECT owner FROM post GROUP BY 1) AS owner") == 19
    assert share(tcs, "FROM post", "FROM (SELECT DISTINCT national_post_number FROM post) AS number") == 1
    assert share(tcs, "FROM gmc_details WHERE gmc_number ~ '^[0-9]{7}$'", "FROM gmc_details") > 0.97
    current = "FROM placement WHERE %(run_date)s BETWEEN date_from AND date_to"
    assert 0.2 < share(tcs, current, "FROM person") < 0.4
    first_wednesday = """
        FROM placement WHERE extract(ISODOW FROM date_from) = 3 AND extract(DAY FROM date_from) <= 7
            AND extract(MONTH FROM date_from) IN (2, 4, 8, 12)"""
    assert share(tcs, first_wednesday, "FROM placement") > 0.95
    wrong_status = """
        FROM person WHERE (status = 'CURRENT') <> EXISTS (
            SELECT FROM programme_membership
            WHERE person_id = person.id AND %(run_date)s BETWEEN programme_start_date AND programme_end_date
        )"""
    assert 0.005 < share(tcs, wrong_status, "FROM person") < 0.05


@pytest.mark.parametrize("run_date", [date(2028, 2, 29), date(2025, 12, 31), date(2027, 1, 1), date(2026, 8, 5)])
def test_any_day_of_the_year_can_be_the_run_date(tcs: Connection, run_date: date) -> None:
    rows = load_demo_data(tcs, 100, run_date)
    assert min(rows.values()) > 0


def test_a_database_with_a_person_is_refused_and_not_changed(tcs: Connection) -> None:
    tcs.execute("INSERT INTO person (id) VALUES (7)")
    with pytest.raises(DatabaseNotEmpty, match="needs an empty database"):
        load_demo_data(tcs, 10, RUN_DATE)
    assert {table: count(tcs, f"FROM {table}") for table in TABLES} == NOTHING | {"person": 1}


def test_a_load_that_fails_leaves_nothing_behind_and_can_be_repeated(tcs: Connection) -> None:
    tcs.execute("INSERT INTO gdc_details (id) VALUES (generate_series(1, 100))")
    with pytest.raises(psycopg.errors.UniqueViolation):
        load_demo_data(tcs, 100, RUN_DATE)
    assert {table: count(tcs, f"FROM {table}") for table in TABLES} == NOTHING | {"gdc_details": 100}

    tcs.execute("TRUNCATE gdc_details")
    assert load_demo_data(tcs, 100, RUN_DATE)["person"] == 100


def test_no_persons_write_nothing(tcs: Connection) -> None:
    assert load_demo_data(tcs, 0, RUN_DATE) == NOTHING


def test_one_person_is_possible(tcs: Connection) -> None:
    rows = load_demo_data(tcs, 1, RUN_DATE)
    assert (rows["person"], rows["post"]) == (1, 1)


def test_a_negative_number_of_persons_is_refused(tcs: Connection) -> None:
    with pytest.raises(ValueError, match="0 or more, not -1"):
        load_demo_data(tcs, -1, RUN_DATE)
