# `docker build .` makes the image of the source, which is the last stage, `docker build --target destination .` the other.
# Plain on purpose: docker with and without BuildKit, buildah and podman all build it, also where they reach no registry
# but the one of BASE_IMAGE.
ARG BASE_IMAGE=docker.io/airbyte/python-connector-base:4.0.2

FROM ${BASE_IMAGE} AS builder
USER root
WORKDIR /build
# The connectors' environment has no pip: the one beside it fills it. It has the extra s3 as well, for rejected rows of the
# destination: a file system of its own lasts no longer than the container.
RUN python -m venv /opt/build && python -m venv --without-pip /opt/connector
COPY requirements/ requirements/
# Wheels in requirements/wheelhouse make the build independent of the network. The hashes are checked either way.
RUN if [ -d requirements/wheelhouse ]; then export PIP_NO_INDEX=1 PIP_FIND_LINKS=/build/requirements/wheelhouse; fi \
 && export PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_REQUIRE_HASHES=1 \
 && /opt/build/bin/pip install --quiet -r requirements/build.txt \
 && /opt/build/bin/pip --python /opt/connector/bin/python install --quiet --only-binary :all: -r requirements/runtime.txt -r requirements/s3.txt \
 && find /opt/connector/lib/*/site-packages/numpy /opt/connector/lib/*/site-packages/pandas -type d -name tests -prune -exec rm -rf {} +
COPY pyproject.toml README.md LICENSE manifest.yaml ./
COPY schemas/ schemas/
COPY activecampaign_client/ activecampaign_client/
COPY destination_activecampaign/ destination_activecampaign/
COPY source_activecampaign/ source_activecampaign/
RUN /opt/build/bin/pip wheel --quiet --no-index --no-deps --no-build-isolation --wheel-dir dist . \
 && /opt/build/bin/pip --python /opt/connector/bin/python install --quiet --no-index --no-deps dist/*.whl

# What every connector of this distribution runs in.
FROM ${BASE_IMAGE} AS runtime
COPY --from=builder /opt/connector /opt/connector
# All modules are compiled already, and the file system may be read-only.
ENV PYTHONDONTWRITEBYTECODE=1
WORKDIR /airbyte/integration_code
USER airbyte

FROM runtime AS destination
LABEL io.airbyte.name="airbyte/destination-activecampaign" \
      io.airbyte.version="1.0.0"
# Airbyte starts it from a directory of its own, hence no relative path.
ENV AIRBYTE_ENTRYPOINT="/opt/connector/bin/destination-activecampaign"
ENTRYPOINT ["/opt/connector/bin/destination-activecampaign"]

FROM runtime AS source
LABEL io.airbyte.name="airbyte/source-activecampaign" \
      io.airbyte.version="1.0.0"
ENV AIRBYTE_ENTRYPOINT="/opt/connector/bin/source-activecampaign"
ENTRYPOINT ["/opt/connector/bin/source-activecampaign"]
