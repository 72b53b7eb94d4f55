"""A configuration file to Settings, or to all that is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import ValidationError

from collector.errors import Problem, SettingsError
from collector.settings.models import PasswordAuth, Settings
from collector.settings.name_checks import check_names
from collector.settings.retention_checks import check_keeping_times, warn_of_unknown_types
from collector.settings.rules_source import RulesSource
from collector.settings.secret import find_secrets
from collector.settings.validation_errors import report_validation_errors
from collector.yaml_source.dialect import CONFIGURATION
from collector.yaml_source.nodes import YamlNode
from collector.yaml_source.problem_report import ProblemReport
from collector.yaml_source.reader import read_tree
from collector.yaml_source.references import ReferenceResolver

_URL_KEYS = frozenset({"database_url", "proxy"})
"""Keys of secrets that are none where no password is in them."""

_LEGACY_FLOW_WARNING = (
    "the password flow is legacy: Salesforce blocks it in orgs made since Summer '23 unless"
    " somebody allows it, External Client Apps do not have it, a new password ends it, and wrong"
    " ones lock the user; use jwt"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedSettings:
    """Settings, and warnings about the file that they come from."""

    settings: Settings
    warnings: tuple[Problem, ...]


def read_settings(
    path: Path,
    environ: Mapping[str, str],
    *,
    model: type[Settings],
    list_event_types: Callable[[], Collection[str]] = tuple,
) -> LoadedSettings:
    """The settings of a YAML (or JSON) file, with its references replaced.

    Args:
        path: the file; relative paths in it are relative to its folder.
        environ: what `${env:NAME}` refers to.
        model: what `compose_settings` made of the sources and channels there are.
        list_event_types: the event types that are known; asked where the file names some.

    Raises SettingsError with every problem of the file, also when it cannot be read at all.
    No secret is in a problem or a warning.
    """
    report = ProblemReport(path=path, error_type=SettingsError)
    folder = path.absolute().parent
    references = ReferenceResolver(folder=folder, environ=environ, report=report)
    root = references.resolve_node(read_tree(report, CONFIGURATION))
    check_names(root, report)
    settings = _validate_tree(root, folder, report, model)
    if settings is not None:
        check_keeping_times(settings, root, report)
    if settings is None or report.problems:
        raise report.build_error()
    warnings = _find_warnings(settings, root, path, list_event_types)
    settings = _place_rules(settings, root, path)
    return LoadedSettings(settings=settings, warnings=warnings)


def _validate_tree(
    root: YamlNode, folder: Path, report: ProblemReport, model: type[Settings]
) -> Settings | None:
    data = {} if root.value is None else root.to_plain()
    try:
        return model.model_validate(data, context=folder, by_alias=True, by_name=False)
    except ValidationError as error:
        report_validation_errors(error, root, model, report)
    return None  # outside of `except`: a SettingsError must not carry pydantic's inputs along


def _place_rules(settings: Settings, root: YamlNode, path: Path) -> Settings:
    """The settings with what it takes to tell where something is wrong with those of rules."""
    source = RulesSource(path=path, node=root.get_child("rules"))
    return settings.model_copy(update={"rules": settings.rules.place_settings(source)})


def _find_warnings(
    settings: Settings,
    root: YamlNode,
    path: Path,
    list_event_types: Callable[[], Collection[str]],
) -> tuple[Problem, ...]:
    report = ProblemReport(path=path, error_type=SettingsError)
    warn_of_unknown_types(root, report, list_event_types)
    for keys, secret in find_secrets(settings):
        node = root.follow_path(keys)
        if node.has_reference or (keys[-1] in _URL_KEYS and _is_public(secret.reveal())):
            continue
        report.add_problem(
            node.position, "a secret stands in this file: use ${env:NAME} or ${file:/path} instead"
        )
    for index, org in enumerate(settings.orgs):
        if isinstance(org.auth, PasswordAuth):
            report.add_problem(
                root.follow_path(("orgs", index, "auth", "flow")).position, _LEGACY_FLOW_WARNING
            )
    return tuple(sorted(report.problems, key=lambda problem: (problem.line, problem.column)))


def _is_public(url: str) -> bool:
    """Whether the URL of a database or a proxy does without a password."""
    try:
        password = urlsplit(url).password
    except ValueError:
        return False
    return password is None and "password" not in url
