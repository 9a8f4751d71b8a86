"""Campaigns have goals in donors, units, what came before their start, moments in a time zone, pictures.

The days of before stay and are written. Code of before writes days alone: the trigger has the moments follow.
"""

from alembic import op

revision = "0017"
down_revision = "0016"

COLUMNS = """
alter table campaigns
    add column goal_donors bigint not null default 0,
    add column start_minor bigint not null default 0,
    add column start_donors bigint not null default 0,
    add column unit_minor bigint not null default 0,
    add column units_promised bigint not null default 0,
    add column unit_name jsonb not null default '{"fr": "", "en": ""}',
    add column time_zone varchar not null default 'Europe/Paris',
    add column photo jsonb not null default '[]',
    add column picture_alt jsonb not null default '{"fr": "", "en": ""}',
    add column opens_at timestamptz,
    add column closes_at timestamptz;
alter table campaigns drop constraint ck_campaigns_goal;
alter table campaigns add constraint ck_campaigns_goal check (
    goal_minor >= 0 and goal_donors >= 0 and goal_minor + goal_donors > 0) not valid;
alter table campaigns add constraint ck_campaigns_start check (
    start_minor >= 0 and start_donors >= 0) not valid;
alter table campaigns add constraint ck_campaigns_units check (
    unit_minor >= 0 and units_promised >= 0 and (unit_minor = 0) = (units_promised = 0)
    and unit_minor * units_promised <= goal_minor) not valid;
alter table campaigns add constraint ck_campaigns_period check (
    opens_at is not null and closes_at is not null and opens_at < closes_at) not valid;
"""

# A day beyond what a date of Python can hold the morrow of is the last one there is.
MOMENTS = """
create function campaign_moments() returns trigger language plpgsql as $$
begin
  if new.opens_at is null or (tg_op = 'UPDATE' and new.starts_on <> old.starts_on
      and new.opens_at = old.opens_at and new.time_zone = old.time_zone) then
    new.opens_at := cast(new.starts_on as timestamp) at time zone new.time_zone;
  end if;
  if new.closes_at is null or (tg_op = 'UPDATE' and new.ends_on <> old.ends_on
      and new.closes_at = old.closes_at and new.time_zone = old.time_zone) then
    new.closes_at := cast(least(new.ends_on, '9999-12-29') + 1 as timestamp) at time zone new.time_zone;
  end if;
  return new;
end $$;
create trigger campaign_moments before insert or update on campaigns
  for each row execute function campaign_moments();
"""


PICTURES = """
create table campaign_pictures (
    campaign_id uuid not null,
    digest varchar not null,
    width integer not null,
    height integer not null,
    content bytea not null,
    created_at timestamptz not null,
    constraint pk_campaign_pictures primary key (campaign_id, digest),
    constraint fk_campaign_pictures_campaign_id foreign key (campaign_id) references campaigns (id),
    constraint ck_campaign_pictures_digest check (digest ~ '^[0-9a-f]{32}$'),
    constraint ck_campaign_pictures_size check (width > 0 and height > 0),
    constraint ck_campaign_pictures_content check (octet_length(content) between 1 and 400000)
);
"""


def upgrade() -> None:
    for script in (COLUMNS, MOMENTS, PICTURES):
        op.get_bind().exec_driver_sql(script)
