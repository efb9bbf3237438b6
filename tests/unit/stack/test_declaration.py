"""Laws of the order in which engines stop."""

import pytest

from melpark.settings import Settings
from melpark.stack import plan
from melpark.stack.declaration import Command, Engine, Node, Step, stop_order


def engine(name: str, *needs: str) -> Engine:
    return Engine(name, lambda: Command(()), lambda: None, memory_limit_mebibytes=1, needs=needs)


def test_an_engine_stops_after_all_that_need_it_also_through_a_step() -> None:
    nodes: tuple[Node, ...] = (
        engine("base"),
        Step("between", lambda: None, needs=("base",)),
        engine("top", "between"),
        engine("alone"),
    )
    assert stop_order(nodes) == [["top", "alone"], ["base"]]


def test_needs_in_a_circle_are_refused() -> None:
    with pytest.raises(ValueError, match="circle"):
        stop_order((engine("a", "b"), engine("b", "a")))


@pytest.mark.parametrize("source", ["simulator", "portal"])
def test_the_stack_stops_every_engine_once_and_needs_only_what_it_has(source: str) -> None:
    settings = Settings.model_validate({"source": source, "portal_url": "https://example.org", "live": True})
    nodes = plan.nodes(settings)
    names = [node.name for node in nodes]
    assert len(set(names)) == len(names)
    assert {need for node in nodes for need in node.needs} <= set(names)
    stopped = [name for names in stop_order(nodes) for name in names]
    assert sorted(stopped) == sorted(node.name for node in nodes if isinstance(node, Engine))


def test_no_two_engines_listen_on_one_port_and_each_port_is_a_setting() -> None:
    ports = [
        item for node in plan.nodes(Settings()) if isinstance(node, Engine) for item in node.ports.items()
    ]
    assert len(dict(ports)) == len(ports)
    assert all(getattr(Settings(), setting) == port for port, setting in ports)


@pytest.mark.parametrize("source", ["simulator", "portal"])
def test_the_rounds_of_a_stop_take_less_than_15_seconds_even_when_nothing_answers(source: str) -> None:
    settings = Settings.model_validate({"source": source, "portal_url": "https://example.org", "live": True})
    nodes = plan.nodes(settings)
    limits = {node.name: node.stop_seconds for node in nodes if isinstance(node, Engine)}
    assert sum(max(limits[name] for name in names) for names in stop_order(nodes)) < 15
