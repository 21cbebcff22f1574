"""The routes of a real server: what they answer, what they refuse and in which words, and what they tell operators."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import httpx
import pytest
from served import Server

from genret.pipeline.retriever import Retriever


def search(client: httpx.Client, query: Any, **asked: Any) -> dict[str, Any]:
    answer = post(client, json.dumps({"query": query, **asked}))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def post(client: httpx.Client, body: str | bytes) -> httpx.Response:
    return client.post("/v1/search", content=body, headers={"content-type": "application/json"})


def test_search_answers_what_the_retriever_does(client: httpx.Client, built_run: Path) -> None:
    queries = ["marinara sauce", "oat milk", "sourdough bread"]
    where = "price < 6 and available"
    expected = Retriever.load(built_run).search(queries, 5, where=where, beam_width=20)
    found = search(client, queries, k=5, where=where, beam_width=20)["results"]
    for answer, result in zip(found, expected, strict=True):
        assert [hit["product"]["id"] for hit in answer["hits"]] == [hit.product.id for hit in result.hits]
        assert answer["exact"] == result.exact
        for hit, own in zip(answer["hits"], result.hits, strict=True):
            assert hit["score"] == pytest.approx(own.score, abs=1e-4)
            assert tuple(hit["semantic_id"]) == own.semantic_id
            assert hit["product"]["title"] == own.product.title


def test_one_query_and_a_list_of_one_are_the_same(client: httpx.Client) -> None:
    one, many = search(client, "oat milk", k=3), search(client, ["oat milk"], k=3)
    assert one["results"] == many["results"]
    assert {"queue", "tokenize", "encode", "decode", "rank"} <= one["times_ms"].keys()


def test_a_bad_query_of_several_has_an_error_of_its_own(client: httpx.Client) -> None:
    good, blank, broken, long = search(client, ["oat milk", "  ", "\ud800", "x" * 1001], k=2)["results"]
    assert len(good["hits"]) == 2
    assert blank["error"] == "query: got no word, expected at least one"
    assert "lone surrogate" in broken["error"]
    assert long["error"] == "query: got 1,001 characters, the limit query_chars is 1000"


def test_explain_shows_the_beam_and_what_is_proven(client: httpx.Client) -> None:
    (result,) = search(client, "marinara sauce", k=5, beam_width=8, explain=True)["results"]
    nodes = {tuple(node["prefix"]): node for node in result["beam"]["nodes"]}
    assert all(prefix[:-1] in nodes for prefix in nodes if len(prefix) > 1)
    for hit in result["hits"]:
        path = [nodes[tuple(hit["semantic_id"][:depth])] for depth in (1, 2, 3, 4)]
        assert all(node["state"] == "kept" for node in path)
        assert path[-1]["score"] == pytest.approx(hit["score"], abs=1e-4)
        assert [node["score"] for node in path] == sorted((node["score"] for node in path), reverse=True)
    beam = result["beam"]["certificate"]
    dropped = [n["score"] for n in nodes.values() if n["state"] == "pruned" and len(n["prefix"]) < 4]
    assert beam["bound"] == pytest.approx(max(dropped))
    assert beam["proven"] == result["exact"] == (beam["least"] > beam["bound"])
    assert result["beam"]["kept"] == [8, 8, 8, 8]


def test_a_filter_greys_the_branches_below_which_it_allows_nothing(client: httpx.Client) -> None:
    (result,) = search(client, "marinara sauce", k=5, beam_width=10, explain=True, where="price < 4")["results"]
    nodes = result["beam"]["nodes"]
    shut = [node for node in nodes if node["state"] == "filtered"]
    assert shut
    assert all(node["products"] == 0 < node["total"] for node in shut)
    assert all(0 < node["products"] <= node["total"] for node in nodes if node["state"] == "kept")
    assert all(hit["product"]["price"] < 4 for hit in result["hits"])


def test_exact_and_rescored_searches_and_the_systems_beside_them(client: httpx.Client) -> None:
    assert search(client, "oat milk", k=10, beam_width=10, exact=True)["results"][0]["exact"]
    (rescored,) = search(client, "oat milk", rescore=True)["results"]
    assert not rescored["exact"]
    assert all(-1 <= hit["score"] <= 1.001 for hit in rescored["hits"])
    for system in ("bm25", "dense", "hybrid"):
        (result,) = search(client, "oat milk", k=5, system=system, where="price < 9", timeout_ms=60_000)["results"]
        assert len(result["hits"]) == 5
        assert all(hit["product"]["price"] < 9 for hit in result["hits"])
        assert any("oat" in hit["product"]["title"].lower() for hit in result["hits"])


def test_why_not_finds_the_level_at_which_a_product_left(client: httpx.Client) -> None:
    (wide,) = search(client, "marinara sauce", k=100, beam_width=100)["results"]
    asked = {"query": "marinara sauce", "k": 3, "beam_width": 4}
    (narrow,) = search(client, "marinara sauce", k=3, beam_width=4)["results"]
    outcomes = set()
    for hit in (wide["hits"][0], wide["hits"][40], wide["hits"][-1]):
        why = client.post("/v1/why-not", json={**asked, "product_id": hit["product"]["id"]}).json()
        outcomes.add(why["outcome"])
        assert why["semantic_id"] == hit["semantic_id"]
        assert why["steps"][-1]["score"] == pytest.approx(hit["score"], abs=1e-3)
        here = [found["rank"] for found in narrow["hits"] if found["product"]["id"] == hit["product"]["id"]]
        assert (why["outcome"] == "hit") == bool(here)
        if why["outcome"] == "pruned":
            step = why["steps"][why["left_at"] - 1]
            assert why["short_by"] == pytest.approx(max(0, step["worst_kept"] - step["score"]), abs=1e-5)
            assert [s["kept"] for s in why["steps"]] == [n < why["left_at"] for n in range(1, 5)]
    assert {"hit", "pruned"} <= outcomes
    shut = {**asked, "product_id": wide["hits"][0]["product"]["id"], "where": "price < 0.01"}
    assert client.post("/v1/why-not", json=shut).json()["outcome"] == "filtered"


def test_products_prefixes_and_facets(client: httpx.Client) -> None:
    (hit, *_) = search(client, "oat milk", k=1)["results"][0]["hits"]
    page = client.get(f"/v1/products/{hit['product']['id']}").json()
    assert page["product"] == hit["product"]
    assert page["semantic_id"] == hit["semantic_id"]
    ids = [tuple(near["semantic_id"]) for near in page["neighbours"]]
    assert ids == sorted(ids)
    assert len(ids) >= 4
    root = client.get("/v1/ids").json()
    assert root["products"] == sum(child["products"] for child in root["children"])
    below = client.get(f"/v1/ids/{hit['semantic_id'][0]}").json()
    assert below["products"] == sum(child["products"] for child in below["children"])
    whole = client.get("/v1/ids/" + "-".join(map(str, hit["semantic_id"]))).json()
    assert whole["children"] == []
    assert hit["product"]["id"] in {product["id"] for product in whole["examples"]}
    facets = client.get("/v1/facets").json()
    assert facets["stores"]
    assert facets["prices"][0] < facets["prices"][1]


LIMITS = [
    ({"k": 201}, "k: Input should be less than or equal to 200, got 201"),
    ({"beam_width": 401}, "beam_width: Input should be less than or equal to 400, got 401"),
    ({"query": "x" * 1001}, "query: got 1,001 characters, the limit query_chars is 1000"),
    ({"where": "x" * 4001}, "at most 4000 characters"),
    ({"timeout_ms": 60_001}, "timeout_ms: Input should be less than or equal to 60000"),
    ({"query": ["x"] * 101}, "query: got 101 queries, the limit queries is 100"),
    ({"k": 2.5}, "k: Input should be a valid integer, got 2.5"),
    ({"rescore": -1}, "rescore=-1.0: expected True"),
    ({"depth": 3}, "depth: Extra inputs are not permitted"),
    ({"where": "price <"}, "where, column 8: expected a number, true, false"),
    ({"where": "colour = 1"}, "no column or attribute 'colour'"),
    ({"run": "nope"}, "run 'nope' is not served here; served: run, other"),
    ({"system": "bm25", "explain": True}, "system='bm25' has no beam to explain"),
    ({"query": ["a", "b"], "explain": True}, "explain: got 2 queries, expected one"),
    ({"query": []}, "query: got no query"),
]


@pytest.mark.parametrize(("asked", "words"), LIMITS)
def test_what_is_refused_names_the_limit(client: httpx.Client, asked: dict[str, Any], words: str) -> None:
    answer = client.post("/v1/search", json={"query": "milk", **asked})
    assert answer.status_code == 422
    assert words in answer.json()["error"]["message"]


def test_bodies_that_are_too_large_or_of_another_kind(client: httpx.Client) -> None:
    large = client.post("/v1/search", json={"query": "x" * (1 << 20)})
    assert (large.status_code, "limit body_bytes" in large.json()["error"]["message"]) == (413, True)
    chunks = client.post(
        "/v1/search", content=(b" " * 65536 for _ in range(20)), headers={"content-type": "application/json"}
    )
    assert chunks.status_code == 413
    assert client.post("/v1/search", content=b"{}").status_code == 415
    assert client.post("/v1/search", json=[1]).status_code == 422
    assert client.get("/v1/search").status_code == 405
    assert client.get("/nowhere").status_code == 404
    assert client.get("/v1/products/nope").json()["error"]["message"] == "no product 'nope' in this index"
    assert client.get("/v1/ids/999999").status_code == 404
    assert client.get("/v1/ids/1-x").status_code == 422


def test_a_request_keeps_its_id_and_its_deadline(server: Server, client: httpx.Client) -> None:
    answer = client.post("/v1/search", json={"query": "milk"}, headers={"x-request-id": "abc-123"})
    assert answer.headers["x-request-id"] == answer.json()["request_id"] == "abc-123"
    (line,) = [line for line in server.log() if line.get("id") == "abc-123"]
    assert (line["path"], line["status"], line["method"]) == ("/v1/search", 200, "POST")
    assert not any("milk" in str(line) for line in server.log())
    late = client.post("/v1/search", json={"query": ["milk"] * 100, "k": 200, "beam_width": 400, "timeout_ms": 1})
    assert late.status_code in (429, 504)
    assert late.json()["error"]["code"] in ("full", "late")


def test_metrics_have_what_operators_watch(client: httpx.Client) -> None:
    search(client, "milk")
    text = client.get("/metrics").text
    for stage in ("queue", "tokenize", "encode", "decode", "rank"):
        assert f"genret_{stage}_seconds_bucket" in text
    for name in ("batch_size_bucket", "queue_depth", 'queries_total{exact="true"}', 'index_generation{run="run"}'):
        assert f"genret_{name}" in text
    values = [float(line.rpartition(" ")[2]) for line in text.splitlines() if not line.startswith("#")]
    assert all(math.isfinite(value) for value in values)


def test_info_health_and_documents(client: httpx.Client) -> None:
    assert client.get("/health").json() == {"status": "ok"}
    info = client.get("/info").json()
    assert [run["name"] for run in info["runs"]] == ["run", "other"]
    assert info["limits"]["query_chars"] == 1000
    document = client.get("/openapi.json").json()
    assert document["paths"]["/v1/search"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    page = client.get("/")
    assert page.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
    assert page.headers["x-content-type-options"] == "nosniff"


def test_other_names_for_this_machine_are_not_answered(client: httpx.Client) -> None:
    """A page elsewhere could otherwise reach the server by a name of its own that resolves to loopback."""
    assert client.get("/info", headers={"host": "evil.example:8000"}).status_code == 421
    assert client.get("/info", headers={"host": "localhost:8000"}).status_code == 200


def test_no_other_origin_may_read_or_change(client: httpx.Client) -> None:
    headers = {"origin": "https://evil.example"}
    asked = client.options("/v1/products", headers={**headers, "access-control-request-method": "PUT"})
    assert asked.status_code == 405
    assert "access-control-allow-origin" not in client.get("/info", headers=headers).headers


def test_products_are_put_patched_found_and_deleted(client: httpx.Client) -> None:
    product = {"id": "new/1 %", "title": "Zimmerli organic oat milk", "category": ["Plant Based", "Non-Dairy Milk"]}
    made = client.put("/v1/products", json={"products": [{**product, "price": 3.5}]})
    assert (made.status_code, made.json()["inserted"]) == (200, 1)

    def found() -> list[dict[str, Any]]:
        (result,) = search(client, "zimmerli organic oat milk", k=200, beam_width=400)["results"]
        return [hit["product"] for hit in result["hits"] if hit["product"]["id"] == product["id"]]

    assert [one["price"] for one in found()] == [3.5]
    patched = client.patch("/v1/products", json={"products": [{"id": product["id"], "price": 4.5, "available": False}]})
    assert patched.json()["updated"] == 1
    assert [(one["price"], one["available"]) for one in found()] == [(4.5, False)]
    assert client.put("/v1/products", json={"products": [product]}).json()["updated"] == 1
    assert client.delete("/v1/products/new%2F1%20%25").json()["removed"] == 1
    assert found() == []
    assert client.delete("/v1/products/new%2F1%20%25").status_code == 404


def test_a_change_that_cannot_be_made_changes_nothing(client: httpx.Client) -> None:
    before = client.get("/info").json()["runs"][0]["products"]
    bad = [
        {"products": [{"id": "x1", "title": "Good"}, {"id": "x1", "title": "Twice"}]},
        {"products": [{"id": "x1", "title": "Good"}, {"id": "x2"}]},
        {"products": [{"id": "x1", "title": "Good", "price": "much"}]},
        {"products": [{"id": "x1", "title": "\x00"}]},
        {"products": []},
    ]
    for body in bad:
        answer = client.put("/v1/products", json=body)
        assert answer.status_code == 422, answer.text
        assert answer.json()["error"]["message"]
    known = client.get("/v1/ids").json()["examples"][0]["id"]
    assert client.patch("/v1/products", json={"products": [{"id": known, "title": "New"}]}).status_code == 422
    assert client.delete(f"/v1/products?id={known}&id=nope").status_code == 404
    assert client.get("/info").json()["runs"][0]["products"] == before


def hostile() -> list[Any]:
    """Forty bodies that somebody will send."""
    deep = b'{"query":' + b"[" * 50_000 + b"]" * 50_000 + b"}"
    raw = [b"", b"\x00" * 1000, b"\xff\xfe{}", b"null", b"true", b'"milk"', b"[]", b"{", deep, b'{"query":NaN}',
           b'{"query":"milk","k":1e999}', b'{"query":"milk","k":99999999999999999999999999}', b'{"query":1}',
           b"{" + b'"a":1,' * 10_000 + b'"query":"x"}', b"\xef\xbb\xbf{}", b'{"__proto__":{"k":1}}']  # fmt: skip
    texts = ["\x00", "\x00milk\x00", "\u202emilk\u202c", "\u0301" * 900, "🦄" * 300, "<script>alert(1)</script>",
             "'; DROP TABLE products; --", "../../etc/passwd", "%s%n%x", "${jndi:ldap://x}", "{{7*7}}", "a" * 1000,
             "\r\nX-Injected: 1", "\ufeff", "\u200b", "\ud83d", "İıſß", "ﷺ" * 100, "\U000e0041" * 50, "-" * 1000,
             "milk\u2028milk"]  # fmt: skip
    wheres = ["(" * 2000, "not " * 900 + "available", "price < " + "9" * 400, 'brand = "' + "\u202e" * 100 + '"',
              "attributes.\x00 = 1", "price in (" + ",".join("1" * 1900) + ")"]  # fmt: skip
    return [*raw, *({"query": text} for text in texts), *({"query": "milk", "where": where} for where in wheres)]


def test_forty_hostile_inputs_leave_the_server_serving(server: Server, client: httpx.Client) -> None:
    inputs = hostile()
    assert len(inputs) >= 40
    for body in inputs:
        answer = post(client, body if isinstance(body, bytes) else json.dumps(body))
        assert answer.status_code in (200, 400, 413, 422), (body, answer.text)
        if answer.status_code != 200:
            message = answer.json()["error"]["message"]
            assert message
            assert "\n" not in message
    for path in ("/v1/ids/" + "9-" * 9 + "9", "/v1/products/" + "%00%ff", "/static/../../settings.py",
                 "/static/%2e%2e/settings.py", "/v1/products/" + "a" * 5000):  # fmt: skip
        assert client.get(path).status_code in (404, 422), path
    assert search(client, "oat milk", k=1)["results"][0]["hits"]
    assert not [line for line in server.log() if line["event"] == "defect"]
