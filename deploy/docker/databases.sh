#!/bin/sh
# Makes each service's database and its two roles: the owner, who migrates, and the app, which owns nothing.
# PostgreSQL's image runs it at the database's first start; run again, it gives the roles their passwords anew:
#   docker compose exec postgres sh /docker-entrypoint-initdb.d/databases.sh
# The passwords are read out of the very addresses that the services are told. Nothing of them is printed.
set -eu

password() {
    address=$(cat "/run/secrets/$1")
    address=${address#*//*:}
    printf '%s' "${address%%@*}"
}

ask() { psql -X -q -v ON_ERROR_STOP=1 -U postgres -d postgres; }

for service in directory events giving notify; do
    owner=$(password "database_owner_url_$service")
    app=$(password "database_url_$service")
    ask <<SQL
set log_statement = 'none';
select 'create role ${service}_owner' where not exists (select from pg_roles where rolname = '${service}_owner') \gexec
select 'create role ${service}_app' where not exists (select from pg_roles where rolname = '${service}_app') \gexec
alter role ${service}_owner with login password '$owner';
alter role ${service}_app with login password '$app';
select 'create database ${service} owner ${service}_owner'
    where not exists (select from pg_database where datname = '${service}') \gexec
revoke all on database ${service} from public;
grant connect on database ${service} to ${service}_app;
SQL
done
