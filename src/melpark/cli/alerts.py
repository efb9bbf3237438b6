"""Alerts on their way out: the process that delivers them, and what it could not deliver."""

from typing import Annotated

import typer

from melpark import settings as configuration
from melpark.cli.terminal import tell
from melpark.places import Home

app = typer.Typer()
alerts = typer.Typer(no_args_is_help=True, help="Alerts by webhook: deliver them, see what waits.")
app.add_typer(alerts, name="alerts")


@alerts.command("deliver")
def alerts_deliver() -> None:
    """Post each alert to MELPARK_ALERT_WEBHOOK_URL, as the stack does."""
    from melpark.serving.webhook import delivery

    delivery.run(configuration.load())


@alerts.command("status")
def alerts_status() -> None:
    """Show what was delivered, waits or was refused."""
    from melpark.serving.webhook import outbox

    file = Home(configuration.load().home.resolve()).outbox
    found = outbox.counts(file) or outbox.Counts()
    since = f" since {found.oldest_at:%Y-%m-%dT%H:%M:%SZ}" if found.oldest_at else ""
    tell(f"{found.delivered} delivered, {found.waiting} wait{since}, {found.refused} refused by the receiver")
    for id, at, answer in outbox.refusals(file):
        tell(f"refused at {at}: {id}: {answer}")
    raise typer.Exit(1 if found.waiting or found.refused else 0)


@alerts.command("job")
def alerts_job(
    job: Annotated[str, typer.Argument(help="Its name, such as that of a DAG.")],
    seconds: Annotated[float, typer.Option(min=0, help="How long it ran.")] = 0,
    failed: Annotated[str | None, typer.Option(help="Why it failed; it succeeded without that.")] = None,
) -> None:
    """Note how a job of another scheduler ended, for alerts and metrics."""
    from melpark.processing import job_runs

    line = None if failed is None else " ".join(failed.split()) or "no reason was given"
    job_runs.tell(Home(configuration.load().home.resolve()), job, seconds, line)


@alerts.command("retry")
def alerts_retry() -> None:
    """Let what the receiver refused wait for delivery again."""
    from melpark.serving.webhook.outbox import Outbox

    outbox = Outbox(Home(configuration.load().home.resolve()).outbox)
    tell(f"{outbox.retry_refused()} alerts wait again.")
    outbox.close()
