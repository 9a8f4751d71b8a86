"""People are found by the beginning of any word of their names, not of the first one alone."""

from alembic import op

revision = "0007"
down_revision = "0006"

NAMES = r"""
alter table people
    add column names tsvector generated always as (array_to_tsvector(string_to_array(fold(
        coalesce(preferred_name, given_name) || ' ' || family_name || ' ' || coalesce(birth_name, '')
    ), ' '))) stored not null,
    drop column given_first,
    drop column birth_first;
create index ix_people_names on people using gin (names);

-- Each word of what somebody typed, as the beginning of a word; null when nothing of it is a word.
create function beginnings(words text) returns tsquery language sql immutable strict parallel safe as $$
  select string_agg('''' || replace(replace(word, '\', '\\'), '''', '''''') || ''':*', ' & ')::tsquery
  from regexp_split_to_table(fold(words), ' ') as word where word <> ''
$$;
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(NAMES)
