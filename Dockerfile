# Two images from one file: `airflow` (the default target) and `web` for the upload API and the stream application.
# Base images are pinned by version; docs/production.md says how to pin them by digest as well. No `syntax` line: the
# builder's own frontend will do, and one that is fetched changes from day to day.

ARG PYTHON_IMAGE=python:3.12.12-slim-bookworm
ARG NODE_IMAGE=node:22.21.1-bookworm-slim
ARG AIRFLOW_IMAGE=apache/airflow:slim-3.3.2-python3.12

FROM ${PYTHON_IMAGE} AS web-packages
COPY requirements/web.txt /tmp/web.txt
RUN python -m venv /opt/venv && /opt/venv/bin/pip install --no-cache-dir --only-binary :all: --require-hashes -r /tmp/web.txt

FROM ${NODE_IMAGE} AS page-packages
WORKDIR /photo_pipeline/api/npm
COPY include/photo_pipeline/api/npm/package.json include/photo_pipeline/api/npm/package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY include/photo_pipeline /photo_pipeline
RUN node build.mjs

FROM ${PYTHON_IMAGE} AS web
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
COPY packages.txt /tmp/packages.txt
# hadolint ignore=DL3008 # Debian keeps one version of a package per release; the base image's tag pins the release
RUN apt-get update \
 && grep -v '^#' /tmp/packages.txt | xargs apt-get install -y --no-install-recommends \
 && rm -rf /var/lib/apt/lists/* /tmp/packages.txt \
 && groupadd --system --gid 10001 photo \
 && useradd --system --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin photo \
 && install --directory --owner=10001 --group=10001 --mode=0700 /var/lib/photo-uploads
COPY --from=web-packages /opt/venv /opt/venv
COPY include/photo_pipeline /opt/photo/photo_pipeline
COPY --from=page-packages /photo_pipeline/api/built /opt/photo/photo_pipeline/api/built
COPY --from=page-packages /photo_pipeline/stream/built /opt/photo/photo_pipeline/stream/built
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/opt/photo \
    PYTHONUNBUFFERED=1 \
    MALLOC_ARENA_MAX=2
# Byte code is written here, because the running container has a read-only file system.
RUN python -m compileall -q /opt/photo \
 && python -c "import photo_pipeline.api.app, photo_pipeline.stream.app, photo_pipeline.metrics.__main__" \
 && python -c "import photo_pipeline.web.http_protocol, photo_pipeline.web.websocket_protocol"
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s \
  CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8000 && printf 'GET /healthz HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3 && read -r -t 4 _ code _ <&3 && [ \"$code\" = 200 ]"]
# No proxy's word is taken for whom a request comes from, until the proxies are named.
ENV FORWARDED_ALLOW_IPS=""
# One process per container: more instances are more containers. On SIGTERM it finishes what it has begun. A WebSocket
# frame may be a whole photo, and photos do not compress. The protocols are uvicorn's own with bounds (docs/adr/0208).
ENTRYPOINT ["uvicorn", "--factory", "--host", "0.0.0.0", "--port", "8000", "--no-server-header", \
            "--http", "photo_pipeline.web.http_protocol:BoundedHttp", \
            "--ws", "photo_pipeline.web.websocket_protocol:BoundedWebSocket", \
            "--timeout-graceful-shutdown", "30", "--ws-max-size", "33554432", "--ws-per-message-deflate", "false"]
CMD ["photo_pipeline.api.app:create_app"]

FROM ${AIRFLOW_IMAGE} AS airflow
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
USER 0
COPY packages.txt /tmp/packages.txt
# hadolint ignore=DL3008 # as above
RUN apt-get update \
 && grep -v '^#' /tmp/packages.txt | xargs apt-get install -y --no-install-recommends \
 && rm -rf /var/lib/apt/lists/* /tmp/packages.txt
# The image's user airflow, by number: Kubernetes can then see that it is not root.
USER 50000
COPY requirements.txt requirements/build.txt /tmp/
# The lock is complete, and pip must not ask for the kerberos extra that docs/adr/0002 leaves out: hence --no-deps. Wheels,
# but for two pure packages that exist as source archives only: a locked setuptools builds them, not the newest one.
RUN pip install --no-cache-dir --no-deps --only-binary :all: --require-hashes -r /tmp/build.txt \
 && pip install --no-cache-dir --no-deps --only-binary :all: --no-binary docopt,hdfs --no-build-isolation \
        --require-hashes -r /tmp/requirements.txt
COPY --chown=airflow:0 include /opt/airflow/include
COPY --chown=airflow:0 plugins /opt/airflow/plugins
COPY --chown=airflow:0 dags /opt/airflow/dags
# glibc would give each thread memory of its own to keep, up to eight times over for each core (docs/adr/0203).
ENV PYTHONPATH=/opt/airflow/include \
    MALLOC_ARENA_MAX=2
RUN python -m compileall -q /opt/airflow/include \
 && python -c "import photo_pipeline.composition.ingest, photo_pipeline.composition.reconcile, platform_start.__main__"
