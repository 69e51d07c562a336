from tests.web.conftest import Api


async def test_models_are_listed_page_by_page(api: Api) -> None:
    first = await api.ask("GET", "/api/models?pageSize=2")
    assert first.status == 200
    assert first.body["results"] == [{"name": "demo"}, {"name": "fast"}]
    assert (first.body["total"], first.body["previous"]) == (3, None)
    second = await api.ask("GET", first.body["next"].removeprefix(api.url))
    assert second.body["results"] == [{"name": "ultravox-v0.7"}]
    assert second.body["next"] is None


async def test_nobody_lists_them_without_a_key(api: Api) -> None:
    assert (await api.ask("GET", "/api/models", headers={"X-API-Key": ""})).status == 401
