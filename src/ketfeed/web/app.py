"""The ASGI application: feeds from prepared bytes in front, FastAPI with Jinja2 pages behind."""

from __future__ import annotations

import mimetypes
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import datetime
from hmac import compare_digest

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from ketfeed.errors import StoreError
from ketfeed.model import Catalog, Complaint
from ketfeed.publish.document import FORMATS, MEDIA_TYPES
from ketfeed.publish.feeds import WRITERS, NoSuchFeed
from ketfeed.publish.operations import document as operations_document
from ketfeed.publish.select import QueryError
from ketfeed.settings import Settings
from ketfeed.web.desk import Desk, ServedStore, utc_now
from ketfeed.web.feeds import App, FeedRoute, is_feed, locate, prepare_feed
from ketfeed.web.http import Prepared, Reply, answer, prepare
from ketfeed.web.pages import STATIC, Pages, compressed, tag_of

SEARCH_LIMIT = 50
PAGE_MAX_AGE = 120  # seconds
PAGES_KEPT = 500
STATIC_MAX_AGE = 86_400  # seconds

SECURITY = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' https: http: data:; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), browsing-topics=()",
    "cross-origin-opener-policy": "same-origin",
}

_log = structlog.get_logger(__name__)


def create_app(
    store: ServedStore,
    catalog_provider: Callable[[], Catalog],
    settings: Settings,
    *,
    complaints: Callable[[], Sequence[Complaint]] = tuple,
    clock: Callable[[], datetime] = utc_now,
) -> App:
    """The web process's application.

    ``catalog_provider`` gives the last good catalog, ``complaints`` what is wrong with the files as they are now.
    """
    desk = Desk(store, catalog_provider, settings, complaints, clock)
    return FeedRoute(desk, _pages(desk))


def _pages(desk: Desk) -> FastAPI:
    app = FastAPI(title="ketfeed", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    _add_health(app, desk)
    shelf = Shelf(desk)
    _add_pages(app, desk, shelf)
    _add_operations(app, desk)
    _add_feed_pages(app, desk, shelf)
    _add_static(app)
    _add_errors(app, desk)
    return app


def _add_health(app: FastAPI, desk: Desk) -> None:
    @app.api_route("/healthz", methods=["GET", "HEAD"])
    def healthz() -> JSONResponse:
        """The process answers."""
        return JSONResponse({"status": "ok"}, headers={"cache-control": "no-store"})

    @app.api_route("/readyz", methods=["GET", "HEAD"])
    def readyz() -> JSONResponse:
        """The store can be read, the configuration is good, the poller is alive; else each problem in words."""
        problems = [str(complaint) for complaint in desk.complaints() if complaint.severity == "error"]
        try:
            desk.store.version()
            if desk.store.lock_holder("poller") is None:
                problems.append("No poller is running on this store: nothing new arrives. Start `ketfeed poller`.")
        except StoreError as error:
            problems.append(str(error))
        status = 503 if problems else 200
        networks = [str(network) for network in desk.settings.allow_networks]
        body = {"status": "not ready" if problems else "ok", "problems": problems, "allow_networks": networks}
        return JSONResponse(body, status, headers={"cache-control": "no-store"})


def _add_pages(app: FastAPI, desk: Desk, shelf: Shelf) -> None:
    @app.api_route("/", methods=["GET", "HEAD"])
    def index(request: Request) -> Response:
        return shelf.page(request, lambda pages: pages.index(desk.feeds()))

    @app.api_route("/topics", methods=["GET", "HEAD"])
    @app.api_route("/topics/", methods=["GET", "HEAD"])
    def topics(request: Request) -> Response:
        return shelf.page(request, lambda pages: pages.topics(desk.feeds()))

    @app.api_route("/entries/{entry}", methods=["GET", "HEAD"])
    @app.api_route("/entries/{entry}/", methods=["GET", "HEAD"])
    def entry_page(request: Request, entry: str) -> Response:
        def make(pages: Pages) -> str:
            stored = desk.store.entries.find(entry)
            if stored is None:
                raise NoSuchFeed("There is no entry at this address.")
            return pages.entry(stored)

        return shelf.page(request, make)

    @app.api_route("/sources", methods=["GET", "HEAD"])
    @app.api_route("/sources/", methods=["GET", "HEAD"])
    def sources(request: Request) -> Response:
        return shelf.page(request, lambda pages: pages.sources())

    @app.api_route("/about", methods=["GET", "HEAD"])
    @app.api_route("/about/", methods=["GET", "HEAD"])
    def about(request: Request) -> Response:
        return shelf.page(request, lambda pages: pages.about())

    @app.api_route("/search", methods=["GET", "HEAD"])
    def search(request: Request, q: str = "") -> Response:
        def make(pages: Pages) -> str:
            found = desk.store.entries.search(q[:200], SEARCH_LIMIT, public=True) if q.strip() else []
            return pages.search(q, found)

        return shelf.page(request, make)


def _add_operations(app: FastAPI, desk: Desk) -> None:
    @app.api_route("/feeds/operations.{ending}", methods=["GET", "HEAD"])
    def operations(request: Request, ending: str, token: str = "") -> Response:
        """How the sources are doing; for whoever has KETFEED_ADMIN_TOKEN, as ``?token=`` or a bearer token."""
        wanted = desk.settings.admin_token
        form = next((one for one in FORMATS if one == ending), None)
        if wanted is None or form is None:
            raise NoSuchFeed("There is no feed at this address.")
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        given = value.strip() if scheme.lower() == "bearer" else token
        if not compare_digest(given.encode(), wanted.encode()):
            raise HTTPException(401, "This feed wants its token.", {"www-authenticate": "Bearer"})
        body = WRITERS[form](operations_document(desk.publisher, desk.store.sources.states()))
        return _reply(request, body, f"{MEDIA_TYPES[form]}; charset=utf-8", "private, no-cache")


def _add_feed_pages(app: FastAPI, desk: Desk, shelf: Shelf) -> None:
    @app.api_route("/topics/{topic}", methods=["GET", "HEAD"])
    @app.api_route("/topics/{topic}/", methods=["GET", "HEAD"])
    def topic_page(request: Request, topic: str) -> Response:
        feed = desk.find(topic)
        if feed is None or feed.group != "topic":
            raise NoSuchFeed(f"There is no topic “{topic}”.")
        return shelf.page(request, lambda pages: pages.feed(feed))

    @app.api_route("/feeds/{key:path}", methods=["GET", "HEAD"])
    def twin(request: Request, key: str) -> Response:
        if is_feed(request.url.path):  # the route in front could not answer: say why
            return _explain(desk, request)
        feed = desk.find(key.rstrip("/"), request.url.query)
        if feed is None:
            raise NoSuchFeed("There is no feed at this address.")
        if feed.page.partition("?")[0].rstrip("/") != request.url.path.rstrip("/"):
            return RedirectResponse(Pages(desk.publisher, desk.clock()).url(feed.page), 308)
        return shelf.page(request, lambda pages: pages.feed(feed))


def _explain(desk: Desk, request: Request) -> Response:
    """Ask once more for a feed that could not be answered, so that its error becomes a page."""
    feed, form = locate(desk, request.url.path, request.url.query)
    prepared = prepare_feed(desk.render(feed, form))
    made = answer(request.method, dict(request.headers.raw), prepared)
    return _raw(made)


def _add_static(app: FastAPI) -> None:
    @app.api_route("/static/{name}", methods=["GET", "HEAD"])
    def static(request: Request, name: str) -> Response:
        path = STATIC / name
        if path.parent != STATIC or not path.is_file():
            raise HTTPException(404)
        return _file(request, path.read_bytes(), name)

    @app.api_route("/favicon.ico", methods=["GET", "HEAD"])
    def favicon(request: Request) -> Response:
        return _file(request, (STATIC / "icon.png").read_bytes(), "icon.png")

    @app.api_route("/robots.txt", methods=["GET", "HEAD"])
    def robots(request: Request) -> Response:
        return _file(request, b"User-agent: *\nDisallow: /search\nDisallow: /feeds/q\n", "robots.txt")


def _add_errors(app: FastAPI, desk: Desk) -> None:
    def problem(request: Request, status: int, title: str, text: str, **facts: str) -> Response:
        headers = {**SECURITY, "cache-control": "no-store" if status >= 500 else "public, max-age=60"}
        if status == 503:
            headers["retry-after"] = "60"
        if request.url.path.endswith(".json"):
            body = {"status": status, "title": title, "detail": text, **facts}
            headers["access-control-allow-origin"] = "*"
            return JSONResponse(body, status, headers=headers, media_type="application/problem+json")
        page = Pages(desk.publisher, desk.clock()).problem(title, text, desk.feeds())
        return Response(page, status, headers=headers, media_type="text/html; charset=utf-8")

    @app.exception_handler(NoSuchFeed)
    def not_found(request: Request, error: NoSuchFeed) -> Response:
        return problem(request, 404, "Not found", str(error))

    @app.exception_handler(QueryError)
    def bad_query(request: Request, error: QueryError) -> Response:
        return problem(request, 400, "This query cannot be answered", str(error), parameter=error.parameter)

    @app.exception_handler(StoreError)
    def no_store(request: Request, error: StoreError) -> Response:
        _log.warning("page without store", action="web", path=request.url.path, reason=str(error))
        return problem(request, 503, "Not available for the moment", "The database cannot be read. Try again soon.")

    @app.exception_handler(HTTPException)
    def http_error(request: Request, error: HTTPException) -> Response:
        if error.status_code == 404:
            return problem(request, 404, "Not found", "There is nothing at this address.")
        headers = {**SECURITY, **(error.headers or {})}
        return Response(f"{error.detail}\n", error.status_code, headers=headers, media_type="text/plain")


class Shelf:
    """Pages as they were last made, for as long as nothing they could show has changed."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._pages: OrderedDict[str, tuple[object, Prepared]] = OrderedDict()
        self._lock = threading.Lock()

    def page(self, request: Request, make: Callable[[Pages], str]) -> Response:
        """The reply for a page; ``make`` is called when the store, the catalog or the day is another."""
        key = f"{request.url.path}?{request.url.query}"
        with self._lock:
            kept = self._pages.get(key)
        try:
            prepared = self._renewed(key, kept, make)
        except StoreError:
            if kept is None:
                raise
            prepared = kept[1]  # the last good page while the store is away
        return _raw(answer(request.method, dict(request.headers.raw), prepared))

    def _renewed(self, key: str, kept: tuple[object, Prepared] | None, make: Callable[[Pages], str]) -> Prepared:
        publisher, now = self._desk.publisher, self._desk.clock()
        marker = (self._desk.store.version(), publisher.catalog.digest, publisher.catalog.site, now.date())
        if kept is not None and kept[0] == marker:
            return kept[1]
        prepared = _prepared_page(make(Pages(publisher, now)))
        with self._lock:
            self._pages[key] = (marker, prepared)
            self._pages.move_to_end(key)
            while len(self._pages) > PAGES_KEPT:
                self._pages.popitem(last=False)
        return prepared


def _prepared_page(page: str) -> Prepared:
    body = page.encode()
    headers = [("cache-control", f"public, max-age={PAGE_MAX_AGE}, stale-while-revalidate=3600"), *SECURITY.items()]
    return prepare(compressed(body), "text/html; charset=utf-8", tag_of(body), None, headers)


def _file(request: Request, body: bytes, name: str) -> Response:
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    if kind.startswith("text/"):
        kind += "; charset=utf-8"
    return _reply(request, body, kind, f"public, max-age={STATIC_MAX_AGE}")


def _reply(request: Request, body: bytes, media_type: str, cache: str) -> Response:
    headers = [("cache-control", cache), *SECURITY.items()]
    prepared = prepare(compressed(body), media_type, tag_of(body), None, headers)
    return _raw(answer(request.method, dict(request.headers.raw), prepared))


def _raw(made: Reply) -> Response:
    response = Response(made.body, made.status)
    response.raw_headers = list(made.headers)
    return response
