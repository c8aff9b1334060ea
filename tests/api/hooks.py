"""What a document cannot say of a parameter, with the reason beside it.

OpenAPI 3.1 describes each parameter by itself. Where parameters depend on each other, requests are made that fit; and
where a request does not fit all the same, the check that the server accepts it is off. Every other check always holds.
"""

import schemathesis
from schemathesis.openapi.checks import RejectedPositiveData


def fitting(path, query):
    """The parameters of a request without those that do not fit the others."""
    query = dict(query)
    of_one = path.endswith("{id}") and path != "/quarantine/{id}"
    of_list = not path.endswith(("{id}", "/history", "/diff"))

    # A cursor is opaque: only the server makes one that it accepts. The empty one starts a walk, which has no pages.
    if query.get("cursor"):
        del query["cursor"]
    if "cursor" in query:
        query.pop("page", None)

    # Only the first 10,000 results have pages, so the largest page depends on the size of a page.
    if not path.endswith("/history") and not page_is_in_reach(query):
        query.pop("page")

    # A version is a moment by itself.
    if of_one and "version" in query:
        query = without(query, "as_of", "known_at")

    # A list is of some ids at a moment, and then has few other parameters, or it is of the present.
    if of_list and "ids" in query and ("as_of" in query or "known_at" in query):
        query = {name: query[name] for name in ("ids", "as_of", "known_at", "fields", "cursor") if name in query}
    elif of_list:
        query = without(query, "ids", "as_of", "known_at")

    # The fields of a request count as filters too.
    filters = query.get("filter")
    if isinstance(filters, list) and len(filters) + len(query) > 100:
        query["filter"] = filters[: 100 - len(query)]

    # Which fields there are depends on the type that the path names.
    if path.startswith("/entities/{type}"):
        query = without(query, "filter", "sort", "fields", "field")
    return query


def page_is_in_reach(query):
    page, page_size = query.get("page", 1), query.get("page_size", 20)
    return not (isinstance(page, int) and isinstance(page_size, int)) or (page - 1) * page_size < 10_000


def without(query, *names):
    return {name: value for name, value in query.items() if name not in names}


def has_id_of_18_characters(case):
    """The last three of 18 characters of an id follow from the others, which no pattern can say."""
    ids = case.body.get("ids") if isinstance(case.body, dict) else None
    return case.operation.path == "/events/backfill/{type}" and any(len(id) == 18 for id in ids or [])


@schemathesis.hook
def map_case(context, case):
    if case.query and case.meta.generation.mode.is_positive:
        case.query = fitting(case.operation.path, case.query)
    return case


@schemathesis.hook
def filter_failure(context, failure, case, response):
    if not isinstance(failure, RejectedPositiveData) or response.status_code != 400:
        return True
    query = case.query or {}
    return fitting(case.operation.path, query) == query and not has_id_of_18_characters(case)
