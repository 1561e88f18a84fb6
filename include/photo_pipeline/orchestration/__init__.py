"""What the DAGs share: assets, defaults and connections. The only part of the product that knows Airflow."""
