"""The figures as Kibana's saved objects: a data view, saved searches and two dashboards."""
