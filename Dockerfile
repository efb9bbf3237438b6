# syntax=docker/dockerfile:1.17
# One image for every part of the stack: the locked packages and jars that are tested without containers, nothing else.
# A tag names the base; the workflow writes the digest that was used into the image's provenance (docs/compose.md).
ARG PYTHON=3.13.7-slim-bookworm

FROM python:${PYTHON} AS build
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends make && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/melpark
COPY Makefile pyproject.toml requirements.lock README.md LICENSE ./
COPY src src
# The project's own target: packages by their hashes, compiled.
RUN make .venv/.synced PYTHON=python3
COPY engines engines
COPY dbt_gold dbt_gold
COPY web web
# Jars by their hashes, and the page.
ENV XDG_CACHE_HOME=/opt/melpark/cache
RUN MELPARK_HOME=/tmp/home npm_config_cache=/tmp/npm .venv/bin/melpark part fetch && rm -rf web/node_modules .tools /tmp/home /tmp/npm

FROM python:${PYTHON} AS melpark
LABEL org.opencontainers.image.title="MelPark" \
      org.opencontainers.image.description="Every part of MelPark: engines, streams, server" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --system --uid 10001 --home-dir /var/lib/melpark --create-home melpark
COPY --from=build /opt/melpark /opt/melpark
ENV PATH=/opt/melpark/.venv/bin:$PATH \
    XDG_CACHE_HOME=/opt/melpark/cache \
    MELPARK_HOME=/var/lib/melpark \
    CREDENTIALS_DIRECTORY=/run/secrets \
    PYTHONUNBUFFERED=1 \
    MALLOC_ARENA_MAX=2
WORKDIR /var/lib/melpark
VOLUME /var/lib/melpark
USER 10001
ENTRYPOINT ["melpark"]
CMD ["part", "server"]
HEALTHCHECK --interval=10s --timeout=15s --start-period=120s CMD ["melpark", "part", "server", "--check"]
