# Three stages: `model` packages the embedding model with torch, `packages` installs what serving needs, and the last one
# takes what both left behind. Dependencies come before code: after a change of code only the last layers are made anew.
ARG PYTHON_VERSION=3.12

FROM ghcr.io/astral-sh/uv:0.13.9 AS uv

# An ONNX file runs on any processor, so it is made once, on the processor that builds.
FROM --platform=$BUILDPLATFORM python:${PYTHON_VERSION}-slim AS model
ARG TORCH_VERSION=2.13.0+cpu
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ARG EMBEDDING_MODEL=all-MiniLM-L6-v2
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_EXTRA_INDEX_URL=${TORCH_INDEX} PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --quiet --retries=0 "torch==$TORCH_VERSION"
COPY requirements-packaging.lock .
RUN --mount=from=uv,source=/uv,target=/bin/uv --mount=type=cache,target=/root/.cache/uv \
    uv pip install --quiet --system --link-mode copy --no-deps --require-hashes --requirement requirements-packaging.lock
COPY core/__init__.py core/errors.py core/settings.py core/
COPY core/knowledge/__init__.py core/knowledge/
COPY core/knowledge/index/__init__.py core/knowledge/index/embed.py core/knowledge/index/package.py core/knowledge/index/
RUN VAR_DIR=/build python -c "from core.settings import load_settings; from core.knowledge.index.package import ensure_model; \
    settings = load_settings(); ensure_model(settings.model_dir, settings.embedding_model)"

FROM python:${PYTHON_VERSION}-slim AS packages
ENV UV_LINK_MODE=copy VIRTUAL_ENV=/opt/assistant
RUN python -m venv --without-pip /opt/assistant
WORKDIR /app
COPY requirements.lock .
RUN --mount=from=uv,source=/uv,target=/bin/uv --mount=type=cache,target=/root/.cache/uv \
    uv pip install --quiet --compile-bytecode --no-deps --require-hashes --only-binary :all: --requirement requirements.lock
# The command, over a folder that the code comes to later.
COPY pyproject.toml README.md LICENSE ./
RUN --mount=from=uv,source=/uv,target=/bin/uv --mount=type=cache,target=/root/.cache/uv \
    mkdir admin bot core && touch admin/__init__.py bot/__init__.py core/__init__.py \
    && uv pip install --quiet --no-deps --editable .

FROM python:${PYTHON_VERSION}-slim
# git reads sources that are repositories; tini passes signals on and reaps what workers leave.
# hadolint ignore=DL3008
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ca-certificates git tini >/dev/null \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* \
    && useradd --uid 10001 --user-group --no-create-home --home-dir /var/lib/assistant --shell /usr/sbin/nologin assistant \
    && install -d -o assistant -g assistant -m 700 /var/lib/assistant \
    && install -d -o assistant -g assistant -m 755 /run/secrets
ENV PATH=/opt/assistant/bin:$PATH \
    HOME=/var/lib/assistant \
    HOST=0.0.0.0 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    VAR_DIR=/var/lib/assistant
COPY --from=packages /opt/assistant /opt/assistant
COPY --from=model /build/models /app/models
WORKDIR /app
COPY . .
RUN python -m compileall -q admin bot core migrations
USER 10001:10001
VOLUME /var/lib/assistant
EXPOSE 8000
STOPSIGNAL SIGTERM
ENTRYPOINT ["tini", "--", "mlops-assistant"]
CMD ["serve"]
HEALTHCHECK --interval=30s --timeout=6s --start-period=300s --start-interval=2s \
    CMD ["python", "-S", "-c", "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ.get('PORT', 8000)}/health\")"]
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="MLOps Assistant" \
      org.opencontainers.image.description="Answers MLOps questions in Slack, Discord, HTTP and a console, with its sources." \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
