# The image of the worker. PyPI's torch brings CUDA and runs on CPUs too; for a CPU-only image, gigabytes smaller:
#   docker build -f docker/worker.Dockerfile --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cpu .
ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS build
ARG TORCH_INDEX=""
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /venv
WORKDIR /src
COPY pyproject.toml requirements.lock README.md LICENSE ./
COPY core core
COPY app app
COPY worker worker
RUN /venv/bin/pip install ${TORCH_INDEX:+--extra-index-url "${TORCH_INDEX}"} -c requirements.lock '.[worker,s3,otel]'

FROM python:${PYTHON}-slim
# The folders belong to the user, so new volumes mounted there do too. /hub is for models fetched from a hub.
RUN groupadd --gid 10001 easel \
    && useradd --uid 10001 --gid easel --no-create-home --home-dir /tmp --shell /usr/sbin/nologin easel \
    && install -d -o easel -g easel /data /data/results /data/graphs /hub
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH \
    HOME=/tmp \
    HF_HOME=/hub \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    EASEL_DATA_DIR=/data \
    EASEL_CATALOG=/models/catalog.toml
WORKDIR /data
USER 10001:10001
CMD ["python", "-m", "worker"]
