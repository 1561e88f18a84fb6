"""The last step of a start: makes a started platform usable through Airflow's REST API.

A root of its own, beside the product and the local stack: the image of Airflow has it, and needs nothing of the stack.
"""
