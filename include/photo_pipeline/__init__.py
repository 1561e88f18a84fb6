"""The photo pipeline: the product. Everything here imports without Airflow, except ``orchestration``."""
