# The image of the api and of the keeper: no torch, no GPU, no model. Which of the two it is, the command says.
ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /venv
WORKDIR /src
COPY pyproject.toml requirements.lock README.md LICENSE ./
COPY core core
COPY app app
COPY worker worker
RUN /venv/bin/pip install -c requirements.lock '.[api,s3,otel]'

FROM python:${PYTHON}-slim
# The data folder belongs to the user, so a new volume mounted there does too.
RUN groupadd --gid 10001 easel \
    && useradd --uid 10001 --gid easel --no-create-home --home-dir /tmp --shell /usr/sbin/nologin easel \
    && install -d -o easel -g easel /data /data/results
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH \
    HOME=/tmp \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    EASEL_DATA_DIR=/data \
    EASEL_CATALOG=/models/catalog.toml
WORKDIR /data
USER 10001:10001
EXPOSE 8000
CMD ["python", "-m", "app"]
