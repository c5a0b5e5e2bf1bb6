# One image for web, clock, worker and migrate; each container runs one of them, see compose.yaml and deploy/.
ARG PYTHON=python:3.11-slim-bookworm

FROM ${PYTHON} AS build
COPY requirements.txt /
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --requirement /requirements.txt

FROM ${PYTHON}
# bubblewrap isolates the code of tasks; tini hands signals on and buries what a task leaves behind.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends bubblewrap tini \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home --uid 10001 carillon && install --directory --owner carillon --mode 700 /data
RUN printf '#!/bin/sh\nexec /venv/bin/python -P -m app.cli "$@"\n' > /usr/local/bin/carillon \
    && chmod 755 /usr/local/bin/carillon
COPY --from=build /venv /venv
WORKDIR /app
COPY . .
# Once for all containers: else each process would compile the same lines again at its start.
RUN /venv/bin/python -m compileall -q app jobs migrations
USER 10001
ENV CARILLON_DATA=/data CARILLON_HOST=0.0.0.0 PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 TZ=UTC
VOLUME /data
EXPOSE 8700
ENTRYPOINT ["tini", "--", "carillon"]
CMD ["up"]
# For `up` and `web`. A clock or a worker of its own is asked with `carillon probe clock`, `carillon probe worker`.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD ["carillon", "probe", "web"]
