"""One part of the stack alone, for whoever starts processes himself: a container, a systemd unit.

Engines, steps, what each needs and how its health is asked are those of `melpark up` (melpark.stack.plan); who starts
the parts keeps their order.
"""

import os
import pwd
import time
from collections.abc import Callable, Mapping

from rich.console import Console

from melpark.errors import ConfigurationError, RetryableError
from melpark.places import Home
from melpark.settings import Settings
from melpark.stack import home as homes
from melpark.stack import plan, up, watch
from melpark.stack.child import UNWANTED
from melpark.stack.declaration import Engine, Node, Step, UnhealthyError

# Fetches jars and builds the page, so that a start needs no network; makes and stamps the home, before anything else.
FETCH, HOME = "fetch", "home"
# Tells how the other parts are.
WATCH = "watch"
PAUSE_SECONDS = 2.0


def names(settings: Settings) -> list[str]:
    """Every part, in the order of the plan; what goes before it first, who watches it last."""
    return [FETCH, HOME, *(node.name for node in plan.nodes(settings)), WATCH]


def run(settings: Settings, name: str) -> None:
    """Do a step, or become an engine: this process is then that engine's, and does not return.

    Raises ConfigurationError for a part that there is not, and what the step or the preparation raises.
    """
    if name == FETCH:
        up.prepare(settings, Console())
        return
    if name == HOME:
        homes.prepare(settings)
        return
    settings = _of_the_home(settings)
    if name == WATCH:
        watch.run(settings)
        return
    node = _node(settings, name)
    if isinstance(node, Step):
        _attempt(node)
        return
    node.prepare()
    command = node.command()
    if command.directory is not None:
        os.chdir(command.directory)
    environment = _without_unwanted(os.environ) | dict(command.environment)
    if command.user is not None:
        _become(command.user)
    os.execve(command.arguments[0], command.arguments, environment)


def check(settings: Settings, name: str) -> None:
    """Ask an engine by its own protocol. Raises RetryableError when it does not answer well."""
    settings = _of_the_home(settings)
    if name == WATCH:
        watch.check(settings)
        return
    node = _node(settings, name)
    if not isinstance(node, Engine):
        raise ConfigurationError(f"{name} has no health", "it is a step, which ends", "Look at its exit code")
    try:
        node.check()
    except UnhealthyError as error:
        raise RetryableError(f"{name} is not healthy", str(error), "See its log") from None


def _of_the_home(settings: Settings) -> Settings:
    home = Home(settings.home.resolve())
    stamp = homes.read_stamp(home)
    if stamp is None:
        raise ConfigurationError(f"{home.root} is no home yet", "", "Run `melpark part home` first")
    homes.require_same(stamp, settings)
    return settings.model_copy(update={"run_number": stamp.run_number, "home": home.root})


def _node(settings: Settings, name: str) -> Node:
    for node in plan.nodes(settings):
        if node.name == name:
            return node
    raise ConfigurationError(
        f"There is no part {name}", f"the parts are {', '.join(names(settings))}", "Name one of them"
    )


def _attempt(step: Step, sleep: Callable[[float], None] = time.sleep) -> None:
    for attempts_left in reversed(range(step.attempts)):
        try:
            step.run()
            return
        except RetryableError:
            if not attempts_left:
                raise
            sleep(PAUSE_SECONDS)


def _become(user: str) -> None:
    entry = pwd.getpwnam(user)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


def _without_unwanted(environment: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in environment.items() if not key.startswith(UNWANTED)}
