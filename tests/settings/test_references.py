"""`${env:…}` and `${file:…}` are replaced wherever a text may stand, or reported there."""

from __future__ import annotations

import pytest

from collector.errors import SettingsError
from collector.yaml_source.nodes import YamlNode
from collector.yaml_source.problem_report import ProblemReport, SourcePosition
from collector.yaml_source.references import MAX_FILE_BYTES, ReferenceResolver


@pytest.fixture
def resolve(tmp_path):
    """What a text becomes, and what was reported about it."""

    def resolve(text, **environ):
        report = ProblemReport(path=tmp_path / "collector.yaml", error_type=SettingsError)
        references = ReferenceResolver(folder=tmp_path, environ=environ, report=report)
        node = references.resolve_node(
            YamlNode(position=SourcePosition(line=3, column=7), value=text)
        )
        assert all((problem.line, problem.column) == (3, 7) for problem in report.problems)
        return node, [problem.message for problem in report.problems]

    return resolve


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${env:A}", "one"),
        ("x-${env:A}/${env:B}", "x-one/two"),
        ("${file:secret}", "from file"),
        ("${file:./sub/../secret}${env:A}", "from fileone"),
        ("$${env:A}", "${env:A}"),
        ("$$${env:A}", "$${env:A}"),
        ("costs $5 {a}", "costs $5 {a}"),
        ("$", "$"),
        ("${env:NESTED}", "${env:A}"),
    ],
)
def test_a_reference_is_replaced_once_and_an_escape_is_itself(resolve, tmp_path, text, expected):
    (tmp_path / "sub").mkdir()
    (tmp_path / "secret").write_text("from file\n")
    node, problems = resolve(text, A="one", B="two", NESTED="${env:A}")

    assert ([], expected) == (problems, node.value)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"x", "x"),
        (b"x\n", "x"),
        (b"x\r\n", "x"),
        (b" x \n", " x "),
        (b"a\nb\n", "a\nb"),
        (b"\xef\xbb\xbfx", "x"),
    ],
)
def test_a_file_is_taken_without_its_last_line_break(resolve, tmp_path, content, expected):
    (tmp_path / "secret").write_bytes(content)
    node, problems = resolve(f"${{file:{tmp_path}/secret}}")

    assert ([], expected) == (problems, node.value)


BAD = "'${' begins a reference: write ${env:NAME} or ${file:/path}, or $${ for '${' itself"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${env:NO}", ["environment variable 'NO' is not set"]),
        ("${env:EMPTY}", ["environment variable 'EMPTY' is empty"]),
        ("${env:BYTES}", ["environment variable 'BYTES' is not UTF-8 text"]),
        ("${env:NO}${env:NEITHER}", [
            "environment variable 'NO' is not set",
            "environment variable 'NEITHER' is not set",
        ]),
        ("${file:gone}", ["file 'gone' cannot be read: No such file or directory"]),
        ("${file:.}", ["file '.' cannot be read: Is a directory"]),
        ("${file:empty}", ["file 'empty' is empty"]),
        ("${file:binary}", ["file 'binary' is not UTF-8 text"]),
        ("${file:nul}", ["file 'nul' holds a NUL character"]),
        ("${file:huge}", ["file 'huge' is larger than 100,000 bytes"]),
        ("${file:" + "x" * 300 + "}", [
            f"file '{'x' * 59}…' cannot be read: File name too long"
        ]),
        ("${HOME}", [BAD]),
        ("${env:}", [BAD]),
        ("${env:A", [BAD]),
        ("${keyring:a}", [BAD]),
        ("pass${word-canary", [BAD]),
    ],
)  # fmt: skip
def test_a_reference_that_leads_nowhere_is_reported_where_it_stands(
    resolve, tmp_path, text, expected
):
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff")
    (tmp_path / "nul").write_bytes(b"a\0b")
    (tmp_path / "huge").write_bytes(b"x" * (MAX_FILE_BYTES + 1))
    node, problems = resolve(text, A="one", EMPTY="", BYTES="\udcff")

    assert expected == problems
    assert node.has_problem


def test_references_are_found_at_every_depth_and_never_in_keys(load_text, minimal):
    text = minimal + "channels:\n  here: {type: '${env:KIND}'}\nroutes: [{channels: ['${env:C}']}]"
    settings = load_text(text, {"KIND": "terminal", "C": "here"}).settings

    assert settings.channels["here"].type == "terminal"
    assert settings.routes[0].channels == ("here",)


def test_a_number_or_a_switch_may_come_by_reference(load_text, minimal):
    text = minimal + (
        "channels: {m: {type: email, host: h, port: '${env:P}', from: a@b, to: [c@d]}}\n"
        "routes: [{channels: [m], continue: '${env:T}'}]"
    )
    settings = load_text(text, {"P": "2525", "T": "true"}).settings

    assert settings.channels["m"].port == 2525
    assert settings.routes[0].proceed is True


def test_a_missing_reference_is_one_problem_not_two(problems_of):
    text = """\
orgs:
  - name: ${env:N}
    login_url: ${env:U}
    auth: {flow: "${env:F}"}
channels:
  m: {type: email, host: "${env:H}", tls: none, username: "${env:M}", from: a@b, to: [c@d]}
routes:
  - channels: ["${env:C}"]
"""

    assert problems_of(text) == [
        "collector.yaml:2:11: environment variable 'N' is not set",
        "collector.yaml:3:16: environment variable 'U' is not set",
        "collector.yaml:4:18: environment variable 'F' is not set",
        "collector.yaml:6:26: environment variable 'H' is not set",
        "collector.yaml:6:59: environment variable 'M' is not set",
        "collector.yaml:8:16: environment variable 'C' is not set",
    ]
