"""Who sets the platform up."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AirflowAccount:
    """Airflow's administrator.

    Attributes:
        airflow_url: The API's address, without a slash at its end.
        airflow_user: The user's name.
        airflow_password: The user's password.
    """

    airflow_url: str
    airflow_user: str
    airflow_password: str
