"""A configuration file to Settings, or to all that is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import ValidationError

from collector.errors import Problem, SettingsError
from collector.settings.explain import explain
from collector.settings.models import PasswordAuth, Settings
from collector.settings.names import check_names
from collector.settings.nodes import Node
from collector.settings.reading import read
from collector.settings.references import References
from collector.settings.report import Report
from collector.settings.secret import KeyPath, placed_secrets

_URLS = frozenset({"database_url", "proxy"})
"""Keys of secrets that are none where no password is in them."""

_LEGACY = (
    "the password flow is legacy: Salesforce blocks it in orgs made since Summer '23 unless"
    " somebody allows it, External Client Apps do not have it, a new password ends it, and wrong"
    " ones lock the user; use jwt"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """Settings, and what is allowed but not wise in the file that they come from."""

    settings: Settings
    warnings: tuple[Problem, ...]


def load(path: Path, environ: Mapping[str, str]) -> Loaded:
    """The settings of a YAML (or JSON) file, with its references replaced.

    Args:
        path: the file; relative paths in it are relative to its folder.
        environ: what `${env:NAME}` refers to.

    Raises SettingsError with every problem of the file, also when it cannot be read at all.
    No secret is in a problem or a warning.
    """
    report = Report(path)
    folder = path.absolute().parent
    references = References(folder=folder, environ=environ, report=report)
    root = references.resolve(read(path, report))
    check_names(root, report)
    settings = _validate(root, folder, report)
    if settings is None or report.problems:
        raise SettingsError(report.problems)
    return Loaded(settings=settings, warnings=_warnings(settings, root, path))


def _validate(root: Node, folder: Path, report: Report) -> Settings | None:
    data = {} if root.value is None else root.plain()
    try:
        return Settings.model_validate(data, context=folder, by_alias=True, by_name=False)
    except ValidationError as error:
        explain(error, root, report)
    return None  # outside of `except`: a SettingsError must not carry pydantic's inputs along


def _warnings(settings: Settings, root: Node, path: Path) -> tuple[Problem, ...]:
    warned = Report(path)
    for keys, secret in placed_secrets(settings):
        node = _follow(root, keys)
        if node.referenced or (keys[-1] in _URLS and _is_public(secret.reveal())):
            continue
        warned.add(
            node.place, "a secret stands in this file: use ${env:NAME} or ${file:/path} instead"
        )
    for index, org in enumerate(settings.orgs):
        if isinstance(org.auth, PasswordAuth):
            warned.add(_follow(root, ("orgs", index, "auth", "flow")).place, _LEGACY)
    return tuple(sorted(warned.problems, key=lambda problem: (problem.line, problem.column)))


def _follow(root: Node, keys: KeyPath) -> Node:
    node = root
    for key in keys:
        node = node.items[key] if isinstance(key, int) else node.get(key)
    return node


def _is_public(url: str) -> bool:
    """Whether the URL of a database or a proxy does without a password."""
    try:
        password = urlsplit(url).password
    except ValueError:
        return False
    return password is None and "password" not in url
