FROM python:3.13-slim
RUN apt-get update && apt-get install --yes --no-install-recommends bubblewrap && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home --uid 10001 carillon && install -d -o carillon -m 700 /data
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir --requirement requirements.txt
COPY . .
USER carillon
ENV CARILLON_DATA=/data CARILLON_HOST=0.0.0.0 PYTHONPATH=/app PYTHONUNBUFFERED=1 TZ=UTC
VOLUME /data
EXPOSE 8700
ENTRYPOINT ["python", "-P", "-m", "app.cli"]
CMD ["up"]
