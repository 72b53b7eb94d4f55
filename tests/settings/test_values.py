"""Each kind of value accepts what a person means by it and nothing that is dangerous."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from collector.model import Severity
from collector.settings import Secret, values

CANARY = "canary-5f2e"


def check(kind, value):
    return TypeAdapter(kind).validate_python(value)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (values.Duration, "30s", timedelta(seconds=30)),
        (values.Duration, "5m", timedelta(minutes=5)),
        (values.Duration, "24h", timedelta(hours=24)),
        (values.Duration, "30d", timedelta(days=30)),
        (values.Duration, "0s", timedelta(0)),
        (values.Duration, "3650d", timedelta(days=3650)),
        (values.Duration, timedelta(milliseconds=5), timedelta(milliseconds=5)),
        (values.Period, "1s", timedelta(seconds=1)),
        (values.ApiVersion, "67.0", "67.0"),
        (values.ApiVersion, "67", "67.0"),
        (values.ApiVersion, 67.0, "67.0"),
        (values.ApiVersion, 67, "67.0"),
        (values.SeverityName, "high", Severity.HIGH),
        (values.SeverityName, "High", Severity.HIGH),
        (values.SeverityName, Severity.LOW, Severity.LOW),
        (values.Port, 1, 1),
        (values.Port, "65535", 65535),
        (values.MemorySize, "256MB", 256_000_000),
        (values.MemorySize, "2GB", 2_000_000_000),
        (values.ThreadCount, "2", 2),
        (values.OrgName, "a-1", "a-1"),
        (values.ChannelName, "Sec_Ops-1", "Sec_Ops-1"),
        (values.TypePattern, "*", "*"),
        (values.TypePattern, "Login*", "Login*"),
        (values.TextLine, "Zoë 5", "Zoë 5"),
        (values.FilePath, "a/b", Path("a/b")),
        (values.Host, "smtp.acme.com", "smtp.acme.com"),
        (values.Host, "127.0.0.1", "127.0.0.1"),
        (values.Host, "::1", "::1"),
        (values.EmailAddress, "o'neil+soc@acme.com", "o'neil+soc@acme.com"),
        (values.LoginUrl, "https://acme.my.salesforce.com", "https://acme.my.salesforce.com"),
        (values.LoginUrl, "HTTPS://Acme.my.salesforce.com/", "https://acme.my.salesforce.com"),
        (values.LoginUrl, "http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        (values.LoginUrl, "http://127.255.0.9", "http://127.255.0.9"),
        (values.LoginUrl, "http://[::1]:8080/", "http://[::1]:8080"),
        (values.LoginUrl, "http://localhost:1", "http://localhost:1"),
        (values.SecretUrl, "https://h.example.com/a?b=c", Secret("https://h.example.com/a?b=c")),
        (values.SecretUrl, "http://localhost:1/x", Secret("http://localhost:1/x")),
        (values.LoginUrl, "https://force.com", "https://force.com"),
        (values.ProxyUrl, "http://proxy:3128", Secret("http://proxy:3128")),
        (values.ProxyUrl, "https://u:p%40@h:1/", Secret("https://u:p%40@h:1/")),
        (values.ProxyUrl, "http://[::1]:3128", Secret("http://[::1]:3128")),
    ],
)
def test_what_a_person_means_is_accepted(kind, value, expected):
    assert expected == check(kind, value)


HTTPS = "must begin with https:// (http:// is for this machine's own addresses)"
NOT_URL = "must be a URL such as https://acme.example.com"
STRANGE = "must be a URL without spaces or special characters"
PATHLESS = "must end after the host name, as in https://acme.my.salesforce.com"
DURATION = "must be a duration such as 30s, 5m, 24h or 30d"
PAGES = "must be the org's My Domain, as in https://acme.my.salesforce.com, not where its pages are"
PROXY = "must be the URL of an HTTP proxy, such as http://proxy.acme.com:3128"
PROXY_LOGIN = f"{PROXY}; in its user name and password write % codes for special characters"
PROXY_END = "must end after the host name and port, as in http://proxy.acme.com:3128"
HOST = "must be a host name or address alone, such as smtp.acme.com"
ADDRESS = "must be one plain address such as soc@acme.com"
INVISIBLE = "must not hold line breaks or other characters that cannot be seen"


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (values.Duration, 5, DURATION),
        (values.Duration, True, DURATION),
        (values.Duration, "5", DURATION),
        (values.Duration, "5 m", DURATION),
        (values.Duration, "-5m", DURATION),
        (values.Duration, "1h30m", DURATION),
        (values.Duration, "٣m", DURATION),
        (values.Duration, "5m\n", DURATION),
        (values.Duration, "3651d", "must be at most 3650d"),
        (values.Duration, "999999999d", "must be at most 3650d"),
        (values.Period, "0s", "must be at least 1s"),
        (values.ApiVersion, 67.5, "must be a version such as 67.0"),
        (values.ApiVersion, True, "must be a version such as 67.0"),
        (values.ApiVersion, "v67.0", "must be a version such as 67.0"),
        (values.ApiVersion, "67.0/../..", "must be a version such as 67.0"),
        (values.SeverityName, "hi", "must be one of informational, low, medium, high, critical"),
        (values.SeverityName, 3, "must be one of informational, low, medium, high, critical"),
        (values.Port, True, "must be a whole number"),
        (values.OrgName, "Acme", "must consist of 1 to 40 of a-z, 0-9 and '-'"),
        (values.OrgName, "a" * 41, "must consist of 1 to 40 of a-z, 0-9 and '-'"),
        (values.OrgName, "../a", "must consist of 1 to 40 of a-z, 0-9 and '-'"),
        (values.OrgName, "a\n", "must consist of 1 to 40 of a-z, 0-9 and '-'"),
        (values.TypePattern, "Login'", "must be a name such as LoginEvent, or '*' for all"),
        (values.TextLine, "", "must not be empty"),
        (values.TextLine, "a\r\nBcc: b", INVISIBLE),
        (values.TextLine, "a\u200bb", INVISIBLE),
        (values.TextLine, "a\u00a0b", INVISIBLE),
        (values.FilePath, "", "must not be empty"),
        (values.FilePath, "a\nb", INVISIBLE),
        (values.Host, "smtp.acme.com:25", HOST),
        (values.Host, "smtp://acme.com", HOST),
        (values.Host, "a b", HOST),
        (values.Host, "-acme.com", HOST),
        (values.Host, "a\n", HOST),
        (values.Host, "", HOST),
        (values.EmailAddress, "soc", ADDRESS),
        (values.EmailAddress, "a@b, c@d", ADDRESS),
        (values.EmailAddress, "Soc <a@b>", ADDRESS),
        (values.EmailAddress, "a@b\r\nBcc: c@d", ADDRESS),
        (values.EmailAddress, "a@b\n", ADDRESS),
        (values.EmailAddress, "a@b@c", ADDRESS),
        (values.EmailAddress, "a" * 250 + "@b.com", ADDRESS),
        (values.LoginUrl, "acme.my.salesforce.com", "must be a URL that begins with https://"),
        (values.LoginUrl, "ftp://acme.com", "must be a URL that begins with https://"),
        (values.LoginUrl, "https://", "must be a URL that begins with https://"),
        (values.LoginUrl, "https://acme.com/path", PATHLESS),
        (values.LoginUrl, "https://acme.com?", PATHLESS),
        (values.LoginUrl, "https://acme.com/#", PATHLESS),
        (values.LoginUrl, "https://u:p@acme.com", "must not hold a user name or password"),
        (values.LoginUrl, "https://@acme.com", "must not hold a user name or password"),
        (values.LoginUrl, "https://acme.com:0x", NOT_URL),
        (values.LoginUrl, "https://acme.com:70000", NOT_URL),
        (values.LoginUrl, "https://[::1", NOT_URL),
        (values.LoginUrl, "https://acme.com\t", STRANGE),
        (values.LoginUrl, "https://acme.com\\@evil.com", STRANGE),
        (values.LoginUrl, "https://аcme.com", STRANGE),
        (values.LoginUrl, "http://acme.com", HTTPS),
        (values.LoginUrl, "http://127.0.0.1.evil.com", HTTPS),
        (values.LoginUrl, "http://127.1", HTTPS),
        (values.LoginUrl, "http://2130706433", HTTPS),
        (values.LoginUrl, "http://localhost.evil.com", HTTPS),
        (values.LoginUrl, "http://[::ffff:10.0.0.1]", HTTPS),
        (values.LoginUrl, "http://0.0.0.0", HTTPS),
        (values.LoginUrl, "http://169.254.169.254", HTTPS),
        (values.LoginUrl, "https://acme.lightning.force.com", PAGES),
        (values.LoginUrl, "https://acme--uat.sandbox.lightning.force.com", PAGES),
        (values.LoginUrl, "https://Acme.my.Salesforce-Setup.com/", PAGES),
        (values.LoginUrl, "https://acme.lightning.crmforce.mil", PAGES),
        (values.ProxyUrl, f"socks5://{CANARY}@h:1", PROXY),
        (values.ProxyUrl, f"http://u:{CANARY}#@h:1", PROXY_LOGIN),
        (values.ProxyUrl, f"http://u:{CANARY}/@h:1", PROXY_LOGIN),
        (values.ProxyUrl, f"http://u:{CANARY}@", PROXY_LOGIN),
        (values.ProxyUrl, f"http://u:{CANARY}@h:70000", PROXY_LOGIN),
        (values.ProxyUrl, "proxy.acme.com:3128", PROXY_LOGIN),
        (values.ProxyUrl, f"http://u:{CANARY} @h:1", STRANGE),
        (values.ProxyUrl, f"http://h:1/{CANARY}", PROXY_END),
        (values.ProxyUrl, f"http://h:1?{CANARY}", PROXY_END),
        (values.SecretUrl, f"http://h.example.com/{CANARY}", HTTPS),
        (values.SecretUrl, f"h.example.com/{CANARY}", "must be a URL that begins with https://"),
        (values.SecretUrl, f"https://h.example.com:{CANARY}", NOT_URL),
    ],
)
def test_anything_else_is_refused_in_plain_words_without_repeating_it(kind, value, expected):
    with pytest.raises(ValidationError) as caught:
        check(kind, value)
    [error] = caught.value.errors()

    assert expected == str(error["ctx"]["error"])
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("port", [0, 65536, -1, "x", 1.5, None])
def test_a_port_is_a_port(port):
    with pytest.raises(ValidationError):
        check(values.Port, port)


def test_a_severity_is_dumped_by_its_name():
    assert TypeAdapter(values.SeverityName).dump_json(Severity.HIGH) == b'"high"'


@pytest.mark.parametrize("written", ["2", "2gb", "255MB", "0GB", "1.5GB", True, "2 GB", "-1GB"])
def test_a_size_of_memory_is_a_number_with_its_unit_and_enough_to_work_with(written):
    with pytest.raises(ValidationError, match=r"800MB or 2GB|at least 256MB"):
        check(values.MemorySize, written)
