"""A deferred module is loaded once, at its first use, and is then like any other."""

from __future__ import annotations

import importlib.util
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import collector
from collector.deferred_modules import (
    DEFERRED_MODULES,
    call_once_loaded,
    defer_modules,
    is_loaded,
)

PACKAGE = Path(collector.__file__).parent
NAME = "probe_of_deferred_modules"


@pytest.fixture
def deferred(tmp_path, monkeypatch):
    """Imports a module of that text, deferred."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))

    def import_text(text):
        (tmp_path / f"{NAME}.py").write_text(text)
        defer_modules({NAME})
        return importlib.import_module(NAME)

    yield import_text
    sys.modules.pop(NAME, None)


def test_it_is_loaded_at_its_first_use(deferred):
    module = deferred("import fractions\nvalue = 3\n")

    assert not is_loaded(module)
    assert (3, True, "module") == (module.value, is_loaded(module), type(module).__name__)
    assert importlib.import_module(NAME) is module
    with pytest.raises(AttributeError, match=f"module '{NAME}' has no attribute 'other'"):
        _ = module.other


def test_many_threads_load_it_once_and_all_find_it_whole(deferred):
    module = deferred(
        "import time\nloads = globals().get('loads', 0) + 1\ntime.sleep(0.05)\nvalue = 3\n"
    )

    with ThreadPoolExecutor(8) as pool:
        values = list(pool.map(lambda _: module.value, range(8)))
    assert (1, [3] * 8) == (module.loads, values)


def test_after_a_failure_it_is_tried_again(deferred):
    module = deferred("import sys\nif not hasattr(sys, 'probe'): 1 / 0\nvalue = 3\n")

    with pytest.raises(ZeroDivisionError):
        _ = module.value
    sys.probe = True
    try:
        assert 3 == module.value
    finally:
        del sys.probe


def test_what_waits_for_it_is_called_before_its_first_use_and_later_at_once(deferred):
    module = deferred("value = 3\n")
    calls = []
    call_once_loaded(module, lambda: calls.append("first"))

    assert ([], 3, ["first"]) == (list(calls), module.value, calls)
    call_once_loaded(module, lambda: calls.append("second"))
    assert ["first", "second"] == calls


def test_every_deferred_module_exists_and_no_submodule_of_one_is_imported_before_it():
    sources = [path.read_text() for path in PACKAGE.rglob("*.py")]

    for name in DEFERRED_MODULES:
        submodule = re.compile(rf"^(from|import) {re.escape(name)}\.", re.MULTILINE)
        assert importlib.util.find_spec(name)
        assert not [text for text in sources if submodule.search(text)]
