# A server of one run: docker run -v $PWD/runs/demo:/srv/run -p 8000:8000 -e GENRET_TOKEN=... genret
# The run's index is a database, so the folder must be one that user 10001 may write to; everything else in it is read.

FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY genret genret
RUN python -m venv /opt/genret \
    && /opt/genret/bin/pip install --no-cache-dir -c constraints.txt \
       --extra-index-url https://download.pytorch.org/whl/cpu '.[serve]'

FROM python:3.11-slim-bookworm
RUN useradd --uid 10001 --create-home genret
COPY --from=build /opt/genret /opt/genret
ENV PATH=/opt/genret/bin:$PATH HF_HUB_OFFLINE=1 PYTHONUNBUFFERED=1
USER 10001
WORKDIR /home/genret
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/health', timeout=4)"]
ENTRYPOINT ["genret", "serve", "/srv/run", "--host", "0.0.0.0", "--port", "8000"]
