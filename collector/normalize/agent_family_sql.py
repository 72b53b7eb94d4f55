"""The family of a user agent as SQL: its product without the version, a library's language."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from collector.escaping import quote_literal

MAX_FAMILY_LENGTH = 60
"""Characters; a user agent is whatever a client sends."""

LIBRARY_FAMILIES: Mapping[str, str] = MappingProxyType(
    {
        "Python": "python|aiohttp|httpx|urllib|simple[-_]salesforce|requests/",
        "Java": "java/|apache-httpclient|okhttp|jersey|jakarta|unirest-java|jetty",
        "Go": "go-http-client|go-resty|fasthttp",
        "Node.js": "node|axios|undici|jsforce|got/|got \\(",
        ".NET": "\\.net|restsharp|dotnet",
        "PHP": "php|guzzlehttp|symfony httpclient",
        "Ruby": "ruby|faraday|rest-client|restforce|typhoeus",
        "Perl": "libwww-perl|lwp::",
        "Rust": "reqwest|hyper/",
        "PowerShell": ".*powershell/",
    }
)
"""Well-known HTTP libraries: by family, how their user agents begin, without regard to case."""

BROWSER_FAMILIES: Mapping[str, str] = MappingProxyType(
    {
        "HeadlessChrome": "headlesschrome/",
        "Electron": "electron/",
        "PowerShell": "powershell/",
        "Edge": "edg(?:e|a|ios)?/",
        "Opera": "opr/|opera/",
        "Samsung Internet": "samsungbrowser/",
        "Firefox": "firefox/|fxios/",
        "Chrome": "chrome/|crios/",
        "Safari": "safari/",
        "Internet Explorer": "trident/|msie ",
    }
)
"""What calls itself Mozilla: by family, what is in it, the first that is; order matters, since most
of them call themselves Chrome and Safari too."""

_PRODUCT_PATTERN = r"^\s*([^/;(),\s]+(?: [A-Za-z][^/;(),\s]*)*)"
"""Words up to a version, a comment or a second product: `Salesforce CLI` of `Salesforce CLI 2`."""

_TRAILING_VERSION = r"[-_ ]v?[0-9][0-9.]*$"


def build_agent_family(agent: str) -> str:
    """SQL: the family of the user agent in the SQL expression `agent`.

    `Chrome` of a browser, `Python` of `python-requests/2.31`, else the product as it calls itself,
    without its version: `Salesforce-CLI` of `Salesforce-CLI/2.1 linux`. NULL for none.
    """
    browsers = _build_cases(f"lower({agent})", BROWSER_FAMILIES, "")
    libraries = _build_cases(f"lower({agent})", LIBRARY_FAMILIES, "^(?:")
    # Most are none, or no library: one question in place of one for each of them.
    any_library = quote_literal(f"^(?:{'|'.join(LIBRARY_FAMILIES.values())})")
    product = f"regexp_extract({agent}, {quote_literal(_PRODUCT_PATTERN)}, 1)"
    plain = f"regexp_replace({product}, {quote_literal(_TRAILING_VERSION)}, '')"
    return (
        f"CASE WHEN {agent} IS NULL THEN NULL"
        f" WHEN starts_with({agent}, 'Mozilla/') THEN CASE {browsers} ELSE 'Mozilla' END"
        f" WHEN regexp_matches(lower({agent}), {any_library}) THEN CASE {libraries} END"
        f" ELSE nullif(left({plain}, {MAX_FAMILY_LENGTH}), '') END"
    )


def _build_cases(text: str, families: Mapping[str, str], anchor: str) -> str:
    end = ")" if anchor else ""
    return " ".join(
        f"WHEN regexp_matches({text}, {quote_literal(f'{anchor}{pattern}{end}')})"
        f" THEN {quote_literal(family)}"
        for family, pattern in families.items()
    )
