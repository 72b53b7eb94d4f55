"""Modules that are loaded when something of them is first used: most commands need few of them.

Python 3.15 brings this as a statement of its own (PEP 810).
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

DEFERRED_MODULES = frozenset(
    {
        "collector.backup.snapshots",
        "collector.backup.state_copies",
        "collector.channels.email.sender",
        "collector.channels.slack.sender",
        "collector.channels.terminal.sender",
        "collector.rules.configured_schema",
        "collector.rules.rule_files",
        "collector.salesforce.client",
        "collector.store.schema_migration",
        "duckdb",
        "httpx",
        "jwt",
        "maxminddb",
        "sqlalchemy.dialects.postgresql",
        "structlog",
    }
)
"""What takes long to load, and is imported by modules that often do without it.

Who imports one names it as a module (`import duckdb`, `from collector.salesforce import client`): a
name that is taken out of it, or used at a module's top, loads it at once. Of a package that stands
here nobody may import a submodule before the package was loaded.
"""


class _DeferredModule(ModuleType):
    """A module that is empty until a name of it is asked for; then it is like any other."""

    def __getattr__(self, name: str) -> object:
        deferral = _find_deferral(self)
        if deferral is not None:
            deferral.load_deferred(self)
        try:
            return self.__dict__[name]
        except KeyError:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}") from None


class _DeferringLoader(Loader):
    """Leaves a module empty, and loads it later. Safe to use from several threads."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader
        self._lock = threading.RLock()
        self._is_loading = False
        self._actions: list[Callable[[], object]] = []

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """The module as the other loader makes it."""
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Leave the module empty."""
        module.__class__ = _DeferredModule

    def load_deferred(self, module: ModuleType) -> None:
        """Load it once; where that fails, the next use tries again."""
        with self._lock:
            # Where the thread that loads it asks, the name is not there yet, as in any module.
            if self._is_loading or is_loaded(module):
                return
            self._is_loading = True
            try:
                self._loader.exec_module(module)
            finally:
                self._is_loading = False
            module.__class__ = ModuleType
            for action in self._actions:
                action()

    def add_action(self, module: ModuleType, action: Callable[[], object]) -> None:
        """Call this once the module is loaded, or now."""
        with self._lock:
            if not is_loaded(module):
                self._actions.append(action)
                return
        action()


class _DeferringFinder(MetaPathFinder):
    """Finds the modules that are to be deferred, and no others."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """How to load one of the modules later; None for any other."""
        if fullname not in self._names:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _DeferringLoader(spec.loader)
        return spec


def defer_modules(names: Iterable[str] = DEFERRED_MODULES) -> None:
    """Let these modules, where they are imported from now on, be loaded at their first use."""
    sys.meta_path.insert(0, _DeferringFinder(frozenset(names)))


def is_loaded(module: ModuleType) -> bool:
    """Whether an imported module has been loaded."""
    return type(module) is not _DeferredModule


def call_once_loaded(module: ModuleType, action: Callable[[], object]) -> None:
    """Call this as soon as the module has been loaded: now, or before its first use."""
    deferral = _find_deferral(module)
    if deferral is None:
        action()
    else:
        deferral.add_action(module, action)


def _find_deferral(module: ModuleType) -> _DeferringLoader | None:
    """What has deferred a module; None where nothing has."""
    loader = module.__spec__.loader if module.__spec__ is not None else None
    return loader if isinstance(loader, _DeferringLoader) else None
