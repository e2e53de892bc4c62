# One image for the job and the service: `docker run IMAGE run ...`, `docker run IMAGE serve ...`.
FROM python:3.11-slim AS build
# The CPU build of torch; the pin is the Makefile's.
ARG TORCH=torch==2.13.0
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN python -m venv /opt/stylefeed
ENV PATH=/opt/stylefeed/bin:$PATH
RUN pip install --no-cache-dir --index-url "$TORCH_INDEX" "$TORCH"
WORKDIR /source
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY features features
COPY styletransfer styletransfer
COPY recsys recsys
COPY pipelines pipelines
RUN pip install --no-cache-dir '.[serve,redis]'

FROM python:3.11-slim
# LightGBM and FAISS share OpenMP's threads.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --create-home stylefeed
COPY --from=build /opt/stylefeed /opt/stylefeed
ENV PATH=/opt/stylefeed/bin:$PATH \
    PYTHONUNBUFFERED=1
USER 10001
WORKDIR /data
ENTRYPOINT ["stylefeed"]
CMD ["--help"]
