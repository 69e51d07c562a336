"""Voices over HTTP: those of the models that are configured, whoever asks."""

import pytest

from tests.web.conftest import Api


async def names(api: Api, query: str) -> list[str]:
    answer = await api.ask("GET", f"/api/voices?pageSize=100&{query}")
    assert answer.status == 200, answer.body
    assert answer.body["total"] == len(answer.body["results"])
    return [voice["name"] for voice in answer.body["results"]]


async def test_a_voice_is_shown_as_the_public_service_shows_it(api: Api) -> None:
    listed = (await api.ask("GET", "/api/voices?search=MAR")).body["results"]
    (marin,) = listed
    path = f"/api/voices/{marin['voiceId']}"
    assert marin == {
        "voiceId": marin["voiceId"],
        "name": "marin",
        "description": "Of the model fast.",
        "primaryLanguage": None,
        "languageLabel": None,
        "previewUrl": f"{api.url}{path}/preview",
        "ownership": "public",
        "billingStyle": "VOICE_BILLING_STYLE_EXTERNAL",
        "provider": "openai",
        "definition": {"generic": {}},
    }
    assert (await api.ask("GET", path.upper().replace("/API/VOICES", "/api/voices"))).body == marin
    assert (await api.ask("GET", f"{path}/preview")).status == 404
    assert (await api.ask("GET", "/api/voices/marin")).status == 404


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("provider=demo", ["demo"]),
        ("provider=demo&provider=openai", None),
        ("provider=cartesia", []),
        ("primaryLanguage=en", ["demo"]),
        ("primaryLanguage=EN-gb", ["demo"]),
        ("primaryLanguage=de", []),
        ("billingStyle=VOICE_BILLING_STYLE_INCLUDED", ["demo"]),
        ("ownership=private", []),
        ("ownership=public", None),
        ("search=fast&billingStyle=VOICE_BILLING_STYLE_INCLUDED", []),
    ],
)
async def test_filters(api: Api, query: str, found: list[str] | None) -> None:
    every = await names(api, "")
    assert len(every) == 11
    assert await names(api, query) == (every if found is None else found)


async def test_pages(api: Api) -> None:
    page = (await api.ask("GET", "/api/voices?pageSize=10")).body
    assert (len(page["results"]), page["total"]) == (10, 11)
    assert len((await api.ask("GET", page["next"].removeprefix(api.url))).body["results"]) == 1


async def test_what_is_wrong_is_named(api: Api) -> None:
    refused = await api.ask("GET", "/api/voices?ownership=mine&billingStyle=free")
    assert (refused.status, set(refused.body)) == (400, {"ownership", "billingStyle"})


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/api/voices"), ("PATCH", "/api/voices/x"), ("PUT", "/api/voices/x"), ("DELETE", "/api/voices/x")],
)
async def test_none_can_be_made_or_changed(api: Api, method: str, path: str) -> None:
    refused = await api.ask(method, path, {} if method != "DELETE" else None)
    assert (refused.status, "cannot be made or changed" in refused.body["detail"]) == (404, True)
