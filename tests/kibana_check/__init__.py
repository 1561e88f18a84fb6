"""The dashboards in a real Kibana: imported, looked at, and compared with SQL."""
