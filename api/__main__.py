"""`python -m api`: the API as a process of its own, configured by SENDA_… variables."""

import uvicorn

from api.app import create_app
from api.logs import configure
from settings import Settings

if __name__ == "__main__":
    settings = Settings()  # pyright: ignore[reportCallIssue] - fields come from the environment
    configure(settings.log_level)
    uvicorn.run(
        create_app(settings),
        host=settings.api_host,
        port=settings.api_port,
        loop="uvloop",
        http="httptools",
        log_config=None,
        access_log=False,
    )
