# One image for the API, the worker, the migrations and the command line: docker-compose.yml chooses the command.
FROM python:3.11-slim

RUN useradd --system --create-home senda
WORKDIR /app

COPY requirements.lock pyproject.toml README.md ./
RUN pip install --no-cache-dir --require-hashes -r requirements.lock

COPY settings.py wiring.py worker.py ./
COPY policy policy
COPY journey journey
COPY ledger ledger
COPY channels channels
COPY workflows workflows
COPY activities activities
COPY compliance compliance
COPY api api
COPY senda senda
# Compiled once, here: the workflow sandbox imports its module for each run, and the account below may not write.
RUN pip install --no-cache-dir --no-deps --no-build-isolation --no-index -e . && python -m compileall -q .

USER senda
ENV PYTHONUNBUFFERED=1
CMD ["python", "-m", "api"]
