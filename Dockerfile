# syntax=docker/dockerfile:1
# Stage 1 builds a virtual environment from the hashed lock; stage 2 carries only that and the configuration.
FROM python:3.13-slim AS build
WORKDIR /build
RUN python -m venv --without-pip /opt/ketfeed
COPY requirements.lock .
# feedgen is published as source only; everything else must be a wheel, so nothing is compiled here.
RUN pip --python /opt/ketfeed/bin/python install --no-cache-dir --no-compile --require-hashes \
      --only-binary :all: --no-binary feedgen -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY src ./src
RUN pip --python /opt/ketfeed/bin/python install --no-cache-dir --no-deps . \
 && /opt/ketfeed/bin/python -m compileall -q -j 0 /opt/ketfeed/lib

FROM python:3.13-slim
COPY --from=build /opt/ketfeed /opt/ketfeed
COPY config /etc/ketfeed
# The only folder the service writes to; its owner is a number so that an orchestrator can verify "not root".
RUN mkdir /data && chown 10001:10001 /data
ENV PATH=/opt/ketfeed/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    KETFEED_CONFIG=/etc/ketfeed \
    KETFEED_DATA=/data \
    KETFEED_HOST=0.0.0.0 \
    KETFEED_PORT=8080 \
    KETFEED_LOG_FORMAT=json
USER 10001:10001
VOLUME ["/data"]
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-I", "-c", "import os, urllib.request as r; r.build_opener(r.ProxyHandler({})).open('http://127.0.0.1:' + os.environ['KETFEED_PORT'] + '/healthz', timeout=4)"]
ENTRYPOINT ["ketfeed"]
CMD ["serve"]
