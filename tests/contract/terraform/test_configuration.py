"""The configuration of Azure holds together, read without a provider: references, arguments, variables, outputs.

`make terraform-check` asks Terraform itself, where it and its providers can be had.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import hcl2
import pytest
import yaml  # type: ignore[import-untyped]

from melpark.places import DATABASE, PROJECT, ROLES, SUPERUSER
from melpark.processing.unity import DATABASES

TERRAFORM = PROJECT / "terraform"
FOLDERS = [TERRAFORM, *sorted(path for path in (TERRAFORM / "modules").iterdir())]
FILES = {"main.tf", "variables.tf", "outputs.tf"}
ARGUMENTS = json.loads(Path(__file__).with_name("arguments.json").read_text())
# Terraform's own, of every resource.
META = {"for_each", "count", "depends_on", "provider", "lifecycle", "__is_block__", "__comments__"}
REFERENCE = re.compile(
    r"(?<![\w.])(var|local|module|data\.\w+|ephemeral\.\w+|(?:azurerm|databricks)_\w+)\.(\w+)"
)
OF_A_MODULE = re.compile(r"\bmodule\.(\w+)\.(\w+)")
# Outputs of which something else of the project takes its values.
OF_THE_BUNDLE = {"catalog", "warehouse_id", "secret_scope"}
ASKED_FOR = {"workspace_url", "storage_name", "postgres_host", "database", "warehouse_http_path"}


@pytest.fixture(params=FOLDERS, ids=lambda folder: folder.name)
def folder(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


@cache
def blocks(folder: Path) -> Mapping[str, list[dict[str, Any]]]:
    """The folder's blocks by kind; names without their quotes."""
    found: dict[str, list[dict[str, Any]]] = {}
    for file in folder.glob("*.tf"):
        with file.open() as text:
            for kind, some in hcl2.load(text).items():
                if isinstance(some, list):
                    found.setdefault(kind, []).extend(unquoted(one) for one in some)
    return found


def unquoted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key.strip('"'): unquoted(one) for key, one in value.items()}
    if isinstance(value, list):
        return [unquoted(one) for one in value]
    return value.strip('"') if isinstance(value, str) and value.startswith('"') else value


def names(folder: Path, kind: str) -> set[str]:
    """Of variables, outputs and modules."""
    return {name for one in blocks(folder).get(kind, []) for name in one}


def resources(folder: Path, kind: str = "resource") -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for one in blocks(folder).get(kind, []):
        for type_, named in one.items():
            for name, body in named.items():
                yield type_, name, body


def code(folder: Path) -> str:
    """Without comments."""
    texts = (file.read_text() for file in sorted(folder.glob("*.tf")))
    return re.sub(r"^\s*#.*$", "", "\n".join(texts), flags=re.MULTILINE)


def test_a_folder_has_its_parts_and_says_what_it_needs(folder: Path) -> None:
    assert {file.name for file in folder.glob("*.tf")} >= FILES
    (terraform,) = blocks(folder)["terraform"]
    assert terraform["required_version"]
    needed = {type_.partition("_")[0] for type_, _, _ in resources(folder)}
    needed |= {type_.partition("_")[0] for type_, _, _ in resources(folder, "ephemeral")}
    assert needed <= terraform["required_providers"][0].keys()


def test_whatever_is_referenced_is_there(folder: Path) -> None:
    known = {("var", name) for name in names(folder, "variable")}
    known |= {("module", name) for name in names(folder, "module")}
    known |= {("local", name) for one in blocks(folder).get("locals", []) for name in one}
    known |= {(type_, name) for type_, name, _ in resources(folder)}
    for kind in ("data", "ephemeral"):
        known |= {(f"{kind}.{type_}", name) for type_, name, _ in resources(folder, kind)}
    assert set(REFERENCE.findall(code(folder))) - known == set()


def test_every_variable_is_described_typed_and_used(folder: Path) -> None:
    text = code(folder)
    for one in blocks(folder).get("variable", []):
        for name, body in one.items():
            assert body["description"].endswith("."), name
            assert body["type"], name
            assert re.search(
                rf"\bvar\.{name}\b", text.replace(f"condition     = contains([], var.{name}", "")
            ), name
    for one in blocks(folder).get("output", []):
        assert all(body["description"].endswith(".") for body in one.values())


def test_a_module_is_given_what_it_asks_for_and_asked_for_what_it_gives() -> None:
    folders = {}
    for one in blocks(TERRAFORM)["module"]:
        for name, given in one.items():
            module = folders[name] = TERRAFORM / given["source"]
            asked = {key: body for each in blocks(module)["variable"] for key, body in each.items()}
            arguments = given.keys() - META - {"source", "providers"}
            assert arguments <= asked.keys(), name
            assert {key for key, body in asked.items() if "default" not in body} <= arguments, name
    for name, output in OF_A_MODULE.findall(code(TERRAFORM)):
        assert output in names(folders[name], "output"), f"module.{name}.{output}"


@pytest.mark.parametrize("kind", ["resource", "data"])
def test_a_resource_has_the_arguments_that_its_provider_knows(folder: Path, kind: str) -> None:
    for type_, name, body in resources(folder, kind):
        check(f"{type_}.{name}", body, ARGUMENTS[kind][type_])


def check(where: str, body: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    nested = known.get("blocks", {})
    given = body.keys() - META - {"dynamic"}
    assert given <= {*known.get("required", []), *known.get("optional", []), *nested}, where
    assert set(known.get("required", [])) <= given, where
    dynamic = {
        name: one["content"]
        for each in body.get("dynamic", [])
        for name, one in each.items()
        if name in nested
    }
    assert {name for name, one in nested.items() if one.get("is_required")} <= given | dynamic.keys(), where
    for name in given & nested.keys():
        for one in body[name]:
            check(f"{where}.{name}", one, nested[name])
    for name, some in dynamic.items():
        for one in some:
            check(f"{where}.{name}", one, nested[name])


@pytest.mark.parametrize("module", FOLDERS[1:], ids=lambda module: module.name)
def test_a_module_is_tested_alone_and_by_names_that_are_there(module: Path) -> None:
    """What Terraform asks of a test before it runs it; `make terraform-check` runs it."""
    known = {f"{type_}.{name}" for type_, name, _ in resources(module)}
    declared = {name: body for one in blocks(module)["variable"] for name, body in one.items()}
    tests = sorted(module.glob("tests/*.tftest.hcl"))
    assert tests
    for test in tests:
        found = unquoted(hcl2.loads(test.read_text()))
        mocked = {name for one in found["mock_provider"] for name in one}
        assert mocked <= blocks(module)["terraform"][0]["required_providers"][0].keys()
        given = found["variables"][0].keys() - META
        assert {name for name, body in declared.items() if "default" not in body} <= given <= declared.keys()
        for one in found["run"]:
            for name, body in one.items():
                assert body["command"] == "plan", name
                assert body["assert"], name
                assert body.get("variables", [{}])[0].keys() - META <= declared.keys(), name
        text = re.sub(r'"[^"]*"', "", test.read_text())
        asked = {".".join(found) for found in re.findall(r"\b((?:azurerm|databricks)_\w+)\.(\w+)", text)}
        assert asked
        assert asked <= known
        assert set(re.findall(r"\boutput\.(\w+)", text)) <= names(module, "output")


def test_outputs_give_the_names_that_the_app_and_the_bundle_use() -> None:
    outputs = names(TERRAFORM, "output")
    bundle = yaml.safe_load((PROJECT / "databricks" / "databricks.yml").read_text())
    assert bundle["variables"].keys() & outputs == OF_THE_BUNDLE
    assert outputs >= OF_THE_BUNDLE | ASKED_FOR


def test_names_of_azure_are_those_of_the_app() -> None:
    postgres, storage, unity = (
        code(TERRAFORM / "modules" / name) for name in ("postgres", "storage", "unity")
    )
    assert set(re.findall(r'"(postgres|melpark_\w+)"', postgres)) == set(ROLES)
    assert f'administrator = "{SUPERUSER}"' in postgres
    assert f'name      = "{DATABASE}"' in postgres
    assert (
        'wal_level                = "logical"' in postgres or 'wal_level             = "logical"' in postgres
    )
    layers = set(re.findall(r'toset\(\[("bronze".*?)\]\)', storage)[0].replace('"', "").split(", "))
    assert layers == {*DATABASES, "gold"}
    bundle = yaml.safe_load((PROJECT / "databricks" / "databricks.yml").read_text())
    catalogs = {name: target["variables"]["catalog"] for name, target in bundle["targets"].items()}
    assert catalogs == {"dev": "melpark_dev", "test": "melpark_test", "prod": "melpark"}
    # Catalogues have volumes of these names, below bronze.
    text = (PROJECT / "databricks" / "databricks.yml").read_text()
    for volume in ("checkpoints", "landing"):
        assert f"/Volumes/${{var.catalog}}/bronze/{volume}" in text
        assert f'"databricks_volume" "{volume}"' in unity
        assert f'name         = "{volume}"' in unity or f'name             = "{volume}"' in unity


def test_the_secret_scope_is_a_vault_without_the_passwords_of_postgres() -> None:
    given = {name: one for each in blocks(TERRAFORM)["module"] for name, one in each.items()}
    vaults = {name for name, one in given.items() if one["source"] == "./modules/keyvault"}
    of_scope = set(re.findall(r"module\.(\w+)\.", str(given["unity"])))
    of_postgres = set(re.findall(r"module\.(\w+)\.", str(given["postgres"])))
    assert (of_scope & vaults, of_postgres & vaults) == ({"scope_vault"}, {"keyvault"})
    readers = {name for name in vaults if "reader_object_ids" in given[name]}
    assert readers == {"scope_vault"}


def test_passwords_of_server_and_vault_are_written_in_the_same_runs() -> None:
    text = code(TERRAFORM / "modules" / "postgres")
    versions = re.findall(r"_wo_version\s*= (.*)$", text, re.MULTILINE)
    assert versions == ["var.password_version"] * 2
    # Whoever has to may raise it.
    (postgres,) = [one["postgres"] for one in blocks(TERRAFORM)["module"] if "postgres" in one]
    assert postgres["password_version"] == "${var.password_version}"


def test_every_variable_has_an_example_an_environment_or_a_default() -> None:
    given = set(re.findall(r"^(\w+) +=", (TERRAFORM / "terraform.tfvars.example").read_text(), re.MULTILINE))
    declared = {key: body for one in blocks(TERRAFORM)["variable"] for key, body in one.items()}
    for name in ("dev", "test", "prod"):
        text = (TERRAFORM / "environments" / f"{name}.tfvars").read_text()
        own = set(re.findall(r"^(\w+) +=", text, re.MULTILINE))
        assert own | given <= declared.keys()
        assert {key for key, body in declared.items() if "default" not in body} <= own | given
        assert f'environment         = "{name}"' in text


def test_the_text_is_as_terraform_lays_it_out(folder: Path) -> None:
    for file in folder.rglob("*.tf*"):
        if file.is_file():
            assert "\t" not in file.read_text()
            assert not re.search(r"[ \t]+$", file.read_text(), re.MULTILINE)
    if terraform := shutil.which("terraform"):
        done = subprocess.run(
            [terraform, "fmt", "-check", folder], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout


def test_exceptions_of_checkov_have_reasons() -> None:
    lines = (TERRAFORM / ".checkov.yaml").read_text().splitlines()
    is_explained = False
    for line in lines[lines.index("skip-check:") + 1 :]:
        is_explained = is_explained or line.lstrip().startswith("#")
        assert is_explained, line


def test_what_holds_data_is_not_destroyed_and_the_how_to_says_which() -> None:
    guarded = {
        f"{folder.name}: {type_}"
        for folder in FOLDERS
        for type_, _, body in resources(folder)
        if any(one.get("prevent_destroy") for one in body.get("lifecycle", []))
    }
    assert guarded == {
        "postgres: azurerm_postgresql_flexible_server",
        "postgres: azurerm_postgresql_flexible_server_database",
        "storage: azurerm_storage_account",
    }
    ((_, _, vault),) = [
        one for one in resources(TERRAFORM / "modules" / "keyvault") if one[0].endswith("vault")
    ]
    assert vault["purge_protection_enabled"]
    said = (PROJECT / "docs" / "how-to" / "azure.md").read_text().partition("To undo it")[2]
    named = {
        "terraform/modules/postgres",
        "terraform/modules/storage",
        f"{vault['soft_delete_retention_days']} days",
    }
    assert {one for one in named if one not in said} == set()


def test_a_plan_without_a_refresh_asks_no_vault() -> None:
    """Data are read all the same; of them none lies behind a closed address, so a hosted runner may plan."""
    read = {type_ for folder in FOLDERS for type_, _, _ in resources(folder, "data")}
    assert read <= {"azurerm_client_config"}
    asked = {type_ for folder in FOLDERS for type_, _, _ in resources(folder, "ephemeral")}
    assert asked <= {"random_password"}
    workflow = yaml.safe_load((PROJECT / ".github" / "workflows" / "ci.yml").read_text())
    (plan,) = [step for step in workflow["jobs"]["plan"]["steps"] if step.get("name") == "Plan"]
    assert "terraform plan -input=false -refresh=false " in plan["run"]


def test_versions_are_the_same_everywhere() -> None:
    wanted = blocks(TERRAFORM)["terraform"][0]
    for folder in FOLDERS:
        (found,) = blocks(folder)["terraform"]
        assert found["required_version"] == wanted["required_version"]
        for provider, what in found["required_providers"][0].items():
            if provider != "__is_block__":
                assert what == wanted["required_providers"][0][provider], folder.name
