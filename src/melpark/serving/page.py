"""The web page, as built into web/dist: served from here alone, nothing comes from elsewhere."""

from pathlib import Path

from fastapi import FastAPI, Response
from fastapi.responses import FileResponse, PlainTextResponse
from fastapi.staticfiles import StaticFiles

NOT_BUILT = (
    "The web page is not built: web/dist is missing. Run `make up`, which builds it. "
    "The API works without it: /openapi.json describes it.\n"
)


def install(app: FastAPI, folder: Path) -> None:
    """Serve the map at / and the API's description at /docs."""

    def page(name: str) -> Response:
        file = folder / name
        if not file.is_file():
            return PlainTextResponse(NOT_BUILT, 503)
        # The names of its parts change with each build; its own does not.
        return FileResponse(file, headers={"Cache-Control": "no-cache"})

    @app.get("/", include_in_schema=False)
    def map_page() -> Response:
        return page("index.html")

    @app.get("/docs", include_in_schema=False)
    def docs_page() -> Response:
        return page("docs.html")

    app.mount("/assets", StaticFiles(directory=folder / "assets", check_dir=False))
