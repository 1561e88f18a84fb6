#!/bin/bash
# Runs once, on an empty data folder: one database for Airflow, one for the photos, one role per use.
# The tables and the grants on them come with the migrations (DAG platform_setup).
set -euo pipefail

psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres <<'SQL'
\getenv airflow AIRFLOW_DATABASE_PASSWORD
\getenv owner PHOTO_OWNER_PASSWORD
\getenv api PHOTO_API_PASSWORD
\getenv pipeline PHOTO_PIPELINE_PASSWORD
\getenv bi PHOTO_BI_PASSWORD
CREATE ROLE airflow LOGIN PASSWORD :'airflow';
CREATE ROLE photo_owner LOGIN PASSWORD :'owner';
CREATE ROLE photo_api LOGIN PASSWORD :'api';
CREATE ROLE photo_pipeline LOGIN PASSWORD :'pipeline';
CREATE ROLE photo_bi LOGIN PASSWORD :'bi';
CREATE DATABASE airflow OWNER airflow;
CREATE DATABASE photos OWNER photo_owner;
REVOKE ALL ON DATABASE airflow, photos FROM PUBLIC;
-- Whoever is on call sees which transaction holds the sync up, whoever's it is.
GRANT pg_read_all_stats TO photo_pipeline;
-- Last: the health check goes by it that all of this was done.
GRANT CONNECT ON DATABASE photos TO photo_api, photo_pipeline, photo_bi;
SQL
