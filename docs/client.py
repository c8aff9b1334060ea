"""Lists, pages, searches and reads a history with the generated client: see api.md."""

from urllib.parse import parse_qs, urlsplit

from annals_client import Client
from annals_client.api.entities import get_client, get_client_history, list_clients
from annals_client.models import GetClientHistoryOrder

annals = Client(base_url="http://127.0.0.1:8080", raise_on_unexpected_status=True)


def walk():
    """All clients, page by page: `next` of a page has the parameters of the next one."""
    cursor = ""
    while cursor is not None:
        page = list_clients.sync(client=annals, page_size=3, sort="name", cursor=cursor)
        yield page.results
        cursor = parse_qs(urlsplit(page.next_).query)["cursor"][0] if page.next_ else None


for number, results in enumerate(walk(), start=1):
    print(f"page {number}: {', '.join(found.name for found in results)}")

publishers = list_clients.sync(client=annals, search_term="halcyon", filter_=["business_types:eq:Publisher"])
for found in publishers.results:
    print(f"found {found.id}: {found.name}, {found.status}")
    history = get_client_history.sync(found.aggregate_id, client=annals, order=GetClientHistoryOrder.DESC)
    for event in history.results:
        changed = ", ".join(event.changes.to_dict()) or "nothing"
        print(f"  version {event.version}, {event.timestamp:%Y-%m-%d}: {changed}")

unknown = get_client.sync("001000000000000AAA", client=annals)
print(f"{unknown.status}: {unknown.detail}")
