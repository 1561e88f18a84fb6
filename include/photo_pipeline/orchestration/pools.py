"""The pools that bound the load on each server. ``pools.json`` beside this makes them, in every deployment.

Airflow does not schedule a task whose pool does not exist, and says so nowhere but in the scheduler's log: a test holds
the two lists together.
"""

ELASTICSEARCH = "photo_elasticsearch"
HDFS = "photo_hdfs"
KAFKA = "photo_kafka"
POSTGRES = "photo_postgres"
RECONCILE = "photo_reconcile"
