"""Builds ports from settings: the one place where adapters meet use cases, a module per capability.

Airflow's tasks, the web applications, the fault tests and the benchmarks all start here, so that what is tested is what
runs. A module loads the client libraries of its own capability and no other.
"""
