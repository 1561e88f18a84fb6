"""The analysts' figures: defined once, asked of Elasticsearch, drawn in the report and in Kibana, checked by SQL."""
