from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from callgate.calls.tool_selection import model_name, with_tools
from callgate.entities.tool import BUILT_IN_IDS, DurableTool

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ORDER = DurableTool("t1", "a", "order", NOW, {"description": "Orders {{things}}.", "client": {}})
OWN_HANG_UP = DurableTool("t2", "a", "hangUp", NOW, {"modelToolName": "goodbye", "client": {}})
TOOLS = {"t1": ORDER, "t2": OWN_HANG_UP}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.sampled_from(["t1", "order", "hangUp"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["toolId", "toolName", "temporaryTool", "nameOverride"]), inner, max_size=3)
    ),
    max_leaves=8,
)


def placed(entry: Any, tools: dict[str, DurableTool] | None = None) -> Any:
    settings: Any = with_tools({"selectedTools": [entry]}, TOOLS if tools is None else tools)
    (found,) = settings["selectedTools"]
    return found


def test_a_definition_comes_as_it_is_stored_with_a_name_for_the_model() -> None:
    found = placed({"toolId": "t1", "nameOverride": "buy", "authTokens": {"k": "v"}})
    assert found == {
        "toolId": "t1",
        "nameOverride": "buy",
        "authTokens": {"k": "v"},
        "temporaryTool": {"modelToolName": "order", "description": "Orders {{things}}.", "client": {}},
    }
    assert ORDER.definition == {"description": "Orders {{things}}.", "client": {}}


def test_a_tool_of_ones_own_shadows_the_built_in_one_by_name_and_not_by_id() -> None:
    built_in = next(tool_id for tool_id, name in BUILT_IN_IDS.items() if name == "hangUp")
    assert placed({"toolName": "hangUp"})["toolId"] == "t2"
    assert placed({"toolId": built_in}) == {"toolId": built_in, "toolName": "hangUp"}
    assert placed({"toolName": "hangUp"}, {}) == {"toolId": built_in, "toolName": "hangUp"}


def test_what_is_not_there_stays_as_it_is() -> None:
    entries: list[Any] = [{"toolId": "gone"}, {"toolName": "coldTransfer"}, {"temporaryTool": {"client": {}}}]
    for entry in entries:
        assert placed(entry) == entry
    assert with_tools({"systemPrompt": "x"}, TOOLS) == {"systemPrompt": "x"}


def test_the_model_knows_a_tool_by_its_override_or_by_its_definition() -> None:
    assert model_name(placed({"toolName": "hangUp"})) == "goodbye"
    assert model_name(placed({"toolName": "hangUp", "nameOverride": "bye"})) == "bye"
    assert model_name(placed({"toolName": "hangUp"}, {})) == "hangUp"
    assert model_name(7) is None


@given(st.dictionaries(st.just("selectedTools"), JSON, max_size=1))
def test_any_selection_is_taken_and_taken_again_stays_the_same(settings: Any) -> None:
    once = with_tools(settings, TOOLS)
    assert with_tools(once, TOOLS) == once
