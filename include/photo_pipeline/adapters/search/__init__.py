"""Elasticsearch and Kibana."""
