"""The catalogue of figures. Each is asked of Elasticsearch and, word for word as written here, of PostgreSQL.

The SQL needs no more than the view ``bi_outcome``, which the role ``photo_bi`` may read; a test runs every figure on
both servers and compares them row by row.
"""

from photo_pipeline.bi.health import HEALTH
from photo_pipeline.bi.photos import PHOTOS
from photo_pipeline.bi.spec import Figure

FIGURES: tuple[Figure, ...] = (*PHOTOS, *HEALTH)
