"""The Photos page in Airflow's UI: what an operator sees at a glance. It knows Airflow only by what it is handed."""
