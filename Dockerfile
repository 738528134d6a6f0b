# The broker (and the commands) as an image. What is installed is pinned by hash; nothing is built but Harkara itself.
ARG PYTHON_IMAGE=python:3.11-slim

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY requirements-server.lock requirements-build.lock ./
RUN python -m venv --without-pip /opt/harkara \
 && python -m pip --python /opt/harkara/bin/python install --require-hashes --only-binary :all: -r requirements-server.lock \
 && python -m venv --without-pip /opt/build \
 && python -m pip --python /opt/build/bin/python install --require-hashes --only-binary :all: -r requirements-build.lock
COPY pyproject.toml README.md LICENSE ./
COPY broker broker
RUN /opt/build/bin/python -m hatchling build -t wheel -d /wheels \
 && python -m pip --python /opt/harkara/bin/python install --no-deps --no-index /wheels/harkara-*.whl

FROM ${PYTHON_IMAGE}
RUN groupadd --gid 10001 harkara \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin harkara \
 && install -d -o 10001 -g 10001 -m 0700 /data
COPY --from=build /opt/harkara /opt/harkara
ENV PATH=/opt/harkara/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /data
EXPOSE 8470
ENTRYPOINT ["harkara"]
CMD ["serve", "--data", "/data"]
