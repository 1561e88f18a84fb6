"""The analysts' figures: defined once, asked of Elasticsearch, drawn in the report, checked by SQL."""
